//! A tab: what is on it, and hands for it.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::chromium::Chromium;
use crate::devtools::Devtools;

/// How long the page may take to show something. It looks every two seconds; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(25);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs before the page's own script: a short name for looking things up, and an ear for what the policy forbids.
const BEFORE: &str = "
    window.$ = id => document.getElementById(id);
    window.forbidden = [];
    addEventListener('securitypolicyviolation', e => forbidden.push(`${e.violatedDirective}: ${e.blockedURI}`));
";

/// A key that does something by itself, as the protocol calls it, with its number and the text that comes with it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    Tab,
    BackTab,
    Enter,
    Escape,
    Slash,
}

#[derive(Debug)]
pub(crate) struct Page {
    // Before the browser, whose end would be a surprise to it.
    devtools: Devtools,
    session: String,
    chromium: Chromium,
}

impl Page {
    /// An empty tab; `None` where there is no Chromium.
    pub(crate) fn blank() -> Option<Self> {
        let (chromium, devtools) = Chromium::start()?;
        let mut page = Self {
            devtools,
            session: String::new(),
            chromium,
        };
        let found = page.call("Target.getTargets", json!({}));
        let tabs = found["targetInfos"].as_array().expect("targets");
        let tab = match tabs.iter().find(|target| target["type"] == "page") {
            Some(tab) => tab.clone(),
            None => page.call("Target.createTarget", json!({ "url": "about:blank" })),
        };
        let attached = page.call(
            "Target.attachToTarget",
            json!({ "targetId": tab["targetId"], "flatten": true }),
        );
        page.session = attached["sessionId"].as_str().expect("a session").into();
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page.call(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": BEFORE }),
        );
        // Also where another window of the machine has the focus.
        page.call(
            "Emulation.setFocusEmulationEnabled",
            json!({ "enabled": true }),
        );
        Some(page)
    }

    /// Goes to an address and waits until all of it is there.
    #[track_caller]
    pub(crate) fn visit(&mut self, address: &str) {
        let went = self.call("Page.navigate", json!({ "url": address }));
        assert_eq!(went["errorText"], Value::Null, "{address}");
        self.until(
            "the page to be there",
            "document.readyState === 'complete' && location.protocol !== 'about:'",
        );
    }

    /// The value of an expression of JavaScript.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let mut answer = self.call(
            "Runtime.evaluate",
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true }),
        );
        if let Some(why) = answer.get("exceptionDetails") {
            panic!("{expression}: {why}");
        }
        answer["result"]["value"].take()
    }

    /// The text of an element, by its id.
    #[track_caller]
    pub(crate) fn text(&mut self, id: &str) -> String {
        let text = self.value(&format!("$('{id}').textContent"));
        text.as_str().expect("text").to_owned()
    }

    /// Whether an element, by its id, is to be seen.
    #[track_caller]
    pub(crate) fn shows(&mut self, id: &str) -> bool {
        self.value(&format!("$('{id}').checkVisibility()")) == true
    }

    /// Looks until an expression is true.
    ///
    /// # Panics
    ///
    /// If it takes too long; what the page says is in the message.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, expression: &str) {
        self.until_while(what, expression, || {});
    }

    /// The same, doing something before each look.
    #[track_caller]
    pub(crate) fn until_while(
        &mut self,
        what: &str,
        expression: &str,
        mut meanwhile: impl FnMut(),
    ) {
        let started = Instant::now();
        loop {
            meanwhile();
            if self.value(expression) == true {
                return;
            }
            if started.elapsed() > PATIENCE {
                let page = self.value("document.body.innerText");
                let page = page.as_str().unwrap_or_default();
                panic!("after {PATIENCE:?} still waiting for: {what}; the page says:\n{page}");
            }
            thread::sleep(PAUSE);
        }
    }

    /// Types at where the focus is.
    #[track_caller]
    pub(crate) fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    #[track_caller]
    pub(crate) fn press(&mut self, key: Key) {
        let (name, number, text, modifiers) = match key {
            Key::Tab => ("Tab", 9, None, 0),
            Key::BackTab => ("Tab", 9, None, 8),
            Key::Enter => ("Enter", 13, Some("\r"), 0),
            Key::Escape => ("Escape", 27, None, 0),
            Key::Slash => ("/", 191, Some("/"), 0),
        };
        let mut event = json!({
            "type": if text.is_some() { "keyDown" } else { "rawKeyDown" },
            "key": name, "code": name, "windowsVirtualKeyCode": number, "modifiers": modifiers,
        });
        if let Some(text) = text {
            event["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", event.clone());
        event["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", event);
    }

    /// Clicks in the middle of an element, by its id, as a mouse does: what lies above it would be hit instead.
    #[track_caller]
    pub(crate) fn click(&mut self, id: &str) {
        self.click_on(&format!("$('{id}')"));
    }

    /// The same of the element that an expression gives.
    #[track_caller]
    pub(crate) fn click_on(&mut self, element: &str) {
        let middle = self.value(&format!(
            "(e => {{ e.scrollIntoView({{ block: 'center' }}); const b = e.getBoundingClientRect();
               return [b.x + b.width / 2, b.y + b.height / 2]; }})({element})"
        ));
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            self.call(
                "Input.dispatchMouseEvent",
                json!({ "type": kind, "x": middle[0], "y": middle[1], "button": button, "clickCount": 1 }),
            );
        }
    }

    /// A phone's window, of that many pixels across.
    #[track_caller]
    pub(crate) fn as_phone(&mut self, width: u32) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": 812, "deviceScaleFactor": 2, "mobile": true }),
        );
    }

    /// `light` or `dark`, as a system's settings would say.
    #[track_caller]
    pub(crate) fn prefer(&mut self, scheme: &str) {
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
    }

    /// What the tab told so far, of one kind.
    pub(crate) fn told(&mut self, method: &str) -> Vec<Value> {
        // Whatever came before this answer has been heard.
        self.value("0");
        let events = self.devtools.events.iter();
        events
            .filter(|event| event["method"] == method)
            .map(|event| event["params"].clone())
            .collect()
    }

    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, parameters: Value) -> Value {
        let session = (!self.session.is_empty()).then_some(self.session.as_str());
        match self.devtools.call(session, method, parameters) {
            Ok(answer) => answer,
            Err(error) => panic!("{error}; the browser's log:\n{}", self.chromium.log()),
        }
    }
}

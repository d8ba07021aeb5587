//! The credentials of a provider: the latest ones, and when the provider is asked again.
//!
//! No call waits for the provider. The supervisor asks it, at a heartbeat or before it connects, in a task of its own.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::redis::connection::credentials::{AnyProvider, Credentials};

/// How long the provider may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time between two questions while the provider fails or Redis refuses its credentials: the first, and the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_LONGEST: Duration = Duration::from_secs(5);

/// What to use for a connection.
#[derive(Debug)]
pub(in crate::redis) struct Issued {
    /// Later credentials have higher numbers.
    pub(in crate::redis) number: u64,
    /// The number of the first credentials with the same user and password.
    pub(in crate::redis) login: u64,
    pub(in crate::redis) credentials: Option<Credentials>,
}

/// A provider, and what it has provided.
pub(in crate::redis) struct Provided {
    provider: Arc<dyn AnyProvider>,
    state: Mutex<State>,
    /// Counts the provider's answers and failures.
    answers: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    latest: Option<Arc<Issued>>,
    /// When the latest credentials expire.
    until: Option<Instant>,
    /// When to ask again. `None`: when Redis refuses the latest credentials.
    ask_at: Option<Instant>,
    asked_at: Option<Instant>,
    /// The question that is under way. One whose runtime is no longer driven is never answered, so it counts for a while
    /// only.
    asking: Option<u64>,
    questions: u64,
    /// Failures and refusals in a row.
    setbacks: u32,
    /// The login that Redis refuses; 0 for none.
    refused: u64,
    /// Why the provider provides nothing now.
    failing: Option<String>,
    /// What Redis says to credentials on a live connection.
    refusal: Option<String>,
}

impl std::fmt::Debug for Provided {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provided").finish_non_exhaustive()
    }
}

impl Provided {
    pub(in crate::redis) fn by(provider: Arc<dyn AnyProvider>) -> Arc<Self> {
        Arc::new(Self {
            provider,
            state: Mutex::default(),
            answers: watch::Sender::new(0),
        })
    }

    /// Asks the provider if it is time to. Needs a tokio runtime.
    pub(in crate::redis) fn keep(self: &Arc<Self>) {
        let number = {
            let mut state = self.state.lock();
            let now = Instant::now();
            if !state.is_due(now) {
                return;
            }
            state.questions += 1;
            state.asking = Some(state.questions);
            state.asked_at = Some(now);
            state.questions
        };
        let provider = self.provider.clone();
        let provided = Arc::downgrade(self);
        let question = Question { provided, number };
        // A task of its own, so that a panic ends only that.
        let asking = tokio::spawn(async move { timeout(PATIENCE, provider.ask()).await });
        tokio::spawn(async move {
            let answer = match asking.await {
                Ok(Ok(Ok(credentials))) => Ok(credentials),
                Ok(Ok(Err(error))) => Err(error.to_string()),
                Ok(Err(_)) => Err(format!("it has not answered within {PATIENCE:?}")),
                Err(error) if error.is_panic() => Err("it panicked".to_owned()),
                // The runtime ends, and this task with it.
                Err(_) => return,
            };
            if let Some(provided) = question.provided.upgrade() {
                provided.answered(question.number, answer);
            }
        });
    }

    /// The credentials for a new connection. Waits for the provider, at most `limit`, if there are none, or if those that
    /// there are have expired or were refused.
    ///
    /// # Errors
    ///
    /// There are none, and why.
    pub(in crate::redis) async fn issue(
        self: &Arc<Self>,
        limit: Duration,
    ) -> Result<Arc<Issued>, String> {
        let mut answers = self.answers.subscribe();
        answers.mark_unchanged();
        self.keep();
        let waits = {
            let state = self.state.lock();
            state.asking.is_some() && !state.is_good(Instant::now())
        };
        if waits {
            // If it takes longer, the server decides about the credentials that there are.
            let _ = timeout(limit, answers.changed()).await;
        }
        let state = self.state.lock();
        state.latest.clone().ok_or_else(|| {
            let why = state
                .failing
                .as_deref()
                .unwrap_or("it has not answered yet");
            format!("the credentials provider gives no credentials: {why}")
        })
    }

    /// The latest credentials, unless Redis has refused them.
    pub(in crate::redis) fn usable(&self) -> Option<Arc<Issued>> {
        let state = self.state.lock();
        let latest = state.latest.as_ref()?;
        (state.refused != latest.login).then(|| latest.clone())
    }

    /// The latest credentials.
    pub(in crate::redis) fn latest(&self) -> Option<Arc<Issued>> {
        self.state.lock().latest.clone()
    }

    pub(in crate::redis) fn accepted(&self, issued: &Issued) {
        let mut state = self.state.lock();
        if !state.is_latest(issued) {
            return;
        }
        // One node of a cluster may accept what another one refuses: then the provider is still asked more rarely.
        let was_refused = state.refused == issued.login;
        state.refused = 0;
        state.refusal = None;
        if state.failing.is_none() && !was_refused {
            state.setbacks = 0;
        }
    }

    /// Redis refuses credentials: the provider is asked for others. `on_live`: what Redis says, if a connection goes on with
    /// the credentials of before. True if that is new.
    pub(in crate::redis) fn refused(&self, issued: &Issued, on_live: Option<String>) -> bool {
        let mut state = self.state.lock();
        if !state.is_latest(issued) {
            return false;
        }
        // Others that refuse the same ones, such as further sentinels, are no setback of their own.
        let is_first = state.refused != issued.login;
        state.refused = issued.login;
        let now = Instant::now();
        // The first time it is asked at once.
        let next = match (state.setbacks, state.asked_at) {
            (1.., Some(asked)) => asked + pause(state.setbacks),
            _ => now,
        };
        state.setbacks += u32::from(is_first);
        state.ask_at = Some(state.ask_at.map_or(next, |at| at.min(next)));
        let is_new = on_live.is_some() && state.refusal.is_none();
        state.refusal = on_live.or(state.refusal.take());
        is_new
    }

    /// What is wrong with the provider or its credentials, while a connection may go on.
    pub(in crate::redis) fn note(&self) -> Option<String> {
        let state = self.state.lock();
        let late = match state.until {
            Some(until) if until <= Instant::now() => ", which have expired",
            _ => "",
        };
        if let Some(why) = &state.failing {
            let goes_on = match state.latest {
                Some(_) => format!("; the credentials of before stay in use{late}"),
                None => String::new(),
            };
            return Some(format!("the credentials provider fails: {why}{goes_on}"));
        }
        let why = state.refusal.as_ref()?;
        Some(format!(
            "Redis refuses the latest credentials of the provider ({why}); the connection goes on with those of before"
        ))
    }

    fn answered(&self, question: u64, answer: Result<Credentials, String>) {
        let mut state = self.state.lock();
        if state.asking != Some(question) {
            return;
        }
        state.asking = None;
        let now = Instant::now();
        match answer {
            Ok(credentials) => {
                if state.failing.take().is_some() {
                    tracing::info!("the credentials provider answers again");
                }
                state.take(credentials, now);
            }
            Err(why) => state.failed(&why, now),
        }
        drop(state);
        self.answers.send_modify(|answers| *answers += 1);
    }
}

/// A question to the provider. If its runtime ends before the answer, it is asked again in another one.
struct Question {
    provided: Weak<Provided>,
    number: u64,
}

impl Drop for Question {
    fn drop(&mut self) {
        let Some(provided) = self.provided.upgrade() else {
            return;
        };
        let mut state = provided.state.lock();
        if state.asking == Some(self.number) {
            state.asking = None;
            state.ask_at = Some(Instant::now());
        }
    }
}

impl State {
    fn is_due(&self, now: Instant) -> bool {
        // A question of a runtime that nobody drives any longer is never answered.
        let longest = PATIENCE + Duration::from_secs(1);
        let asked = self.asked_at;
        if self.asking.is_some() && asked.is_some_and(|at| now < at + longest) {
            return false;
        }
        asked.is_none() || self.asking.is_some() || self.ask_at.is_some_and(|at| at <= now)
    }

    fn is_latest(&self, issued: &Issued) -> bool {
        let latest = self.latest.as_ref();
        latest.is_some_and(|latest| latest.login == issued.login)
    }

    /// Whether a connection may be tried with the latest credentials.
    fn is_good(&self, now: Instant) -> bool {
        let latest = self.latest.as_ref();
        latest.is_some_and(|latest| latest.login != self.refused)
            && self.until.is_none_or(|until| now < until)
    }

    fn take(&mut self, credentials: Credentials, now: Instant) {
        let before = self.latest.as_ref();
        let (number, login) = before.map_or((0, 0), |before| (before.number, before.login));
        let is_same = before
            .and_then(|before| before.credentials.as_ref())
            .is_some_and(|before| before.is_the_same_login_as(&credentials));
        self.until = credentials.validity().map(|time| now + time);
        self.ask_at = credentials.asked_again_after().map(|time| now + time);
        if is_same && self.refused == login {
            // The first setback was the refusal, after which it was asked at once.
            let next = now + pause(self.setbacks.saturating_sub(1));
            self.setbacks += 1;
            self.ask_at = Some(self.ask_at.map_or(next, |at| at.min(next)));
            return;
        }
        // Those with an end begin anew when they are sent again, also if they are the same.
        if !is_same || credentials.validity().is_some() {
            self.latest = Some(Arc::new(Issued {
                number: number + 1,
                login: if is_same { login } else { number + 1 },
                credentials: Some(credentials),
            }));
        }
    }

    fn failed(&mut self, why: &str, now: Instant) {
        let known = self.latest.as_ref().and_then(|at| at.credentials.as_ref());
        let why = why.lines().next().unwrap_or_default();
        let why = known.map_or_else(|| why.to_owned(), |known| known.blank_out(why));
        let why: String = why.chars().take(200).collect();
        self.ask_at = Some(now + pause(self.setbacks));
        self.setbacks += 1;
        if self.failing.is_none() {
            tracing::warn!(
                reason = %why,
                "the credentials provider fails: the credentials of before stay in use, and it is asked again"
            );
        }
        self.failing = Some(why);
    }
}

/// The time until the next question, after so many failures or refusals.
fn pause(setbacks: u32) -> Duration {
    let doubled = PAUSE_FIRST * 2u32.pow(setbacks.min(8));
    doubled.min(PAUSE_LONGEST)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);
    const MINUTE: Duration = Duration::from_secs(60);

    /// A provider whose answers are given one after the other, the last one again and again.
    fn provided(
        answers: Vec<Result<Credentials, &'static str>>,
    ) -> (Arc<Provided>, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        let counted = asked.clone();
        let provider = move || {
            let at = counted.fetch_add(1, SeqCst) as usize;
            let answer = answers[at.min(answers.len() - 1)].clone();
            async move { answer }
        };
        (Provided::by(Arc::new(provider)), asked)
    }

    async fn pass(provided: &Arc<Provided>, time: Duration) {
        tokio::time::sleep(time).await;
        provided.keep();
        tokio::time::sleep(MOMENT).await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_asked_once_for_all_connections_and_again_before_the_end() {
        let token = Credentials::new("u", "p").valid_for(MINUTE);
        let (provided, asked) = provided(vec![Ok(token)]);
        let (one, other) = tokio::join!(provided.issue(MINUTE), provided.issue(MINUTE));
        assert_eq!((one.unwrap().number, other.unwrap().number), (1, 1));
        pass(&provided, Duration::from_secs(44)).await;
        assert_eq!(asked.load(SeqCst), 1);
        pass(&provided, Duration::from_secs(2)).await;
        assert_eq!(asked.load(SeqCst), 2);
        // The same token again, valid for longer: it is sent again.
        assert_eq!(provided.usable().unwrap().number, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_end_it_is_asked_again_only_when_the_server_refuses() {
        let (provided, asked) = provided(vec![
            Ok(Credentials::new("u", "old")),
            Ok(Credentials::new("u", "new")),
        ]);
        let first = provided.issue(MINUTE).await.unwrap();
        pass(&provided, 600 * MINUTE).await;
        assert_eq!(asked.load(SeqCst), 1);
        assert!(!provided.refused(&first, None));
        assert!(provided.usable().is_none());
        assert_eq!(provided.issue(MINUTE).await.unwrap().number, 2);
        assert!(provided.usable().is_some());
        // That concerns those of before.
        provided.refused(&first, None);
        assert!(provided.usable().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_same_ones_are_refused_it_is_asked_ever_more_rarely() {
        // Several servers that refuse the same ones are one setback.
        for servers in [1, 4] {
            let (provided, asked) = provided(vec![Ok(Credentials::new("u", "wrong"))]);
            let mut in_the_first_seconds = 0;
            for step in 0..600 {
                let issued = provided.issue(MINUTE).await.unwrap();
                for _ in 0..servers {
                    provided.refused(&issued, Some("WRONGPASS".into()));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                if step == 40 {
                    in_the_first_seconds = asked.load(SeqCst);
                }
            }
            // At once, and after half a second, one and two.
            assert_eq!(in_the_first_seconds, 5, "{servers} servers");
            let asked = asked.load(SeqCst);
            assert!((10..20).contains(&asked), "{asked} times in a minute");
            assert!(provided.note().unwrap().contains("WRONGPASS"));
            provided.accepted(&provided.latest().unwrap());
            assert_eq!(provided.note(), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_it_gave_stays_in_use_while_it_fails_and_its_text_is_blanked_out() {
        let (provided, asked) = provided(vec![
            Ok(Credentials::new("u", "hunter2").valid_for(MINUTE)),
            Err("no: hunter2\nmore"),
            Err("no"),
            Ok(Credentials::new("u", "new")),
        ]);
        provided.issue(MINUTE).await.unwrap();
        pass(&provided, Duration::from_secs(46)).await;
        let note = provided.note().unwrap();
        assert!(
            note.contains("no: …") && !note.contains("hunter2"),
            "{note}"
        );
        assert!(
            !note.contains("more") && !note.contains("expired"),
            "{note}"
        );
        assert_eq!(provided.usable().unwrap().number, 1);
        pass(&provided, MINUTE).await;
        assert!(provided.note().unwrap().contains("have expired"));
        // Whoever connects waits for the next answer, because those of before have expired.
        pass(&provided, PAUSE_LONGEST).await;
        assert_eq!(provided.issue(MINUTE).await.unwrap().number, 2);
        assert_eq!((asked.load(SeqCst), provided.note()), (4, None));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_or_panics_is_given_up_and_asked_again() {
        let asked = Arc::new(AtomicU32::new(0));
        let counted = asked.clone();
        let provided = Provided::by(Arc::new(move || {
            let at = counted.fetch_add(1, SeqCst);
            async move {
                match at {
                    0 => std::future::pending().await,
                    1 => panic!("as a test"),
                    _ => Ok::<_, std::io::Error>(Credentials::new("u", "p")),
                }
            }
        }));
        let began = Instant::now();
        let error = provided.issue(Duration::from_secs(1)).await.unwrap_err();
        assert!(error.contains("not answered yet"), "{error}");
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        tokio::time::sleep(PATIENCE - began.elapsed() + MOMENT).await;
        assert!(provided.note().unwrap().contains("within 10s"));
        pass(&provided, MINUTE).await;
        assert!(provided.note().unwrap().contains("panicked"));
        pass(&provided, MINUTE).await;
        assert!(provided.usable().is_some());
        assert_eq!(asked.load(SeqCst), 3);
    }

    #[test]
    fn a_question_whose_runtime_ends_is_asked_again_in_another() {
        let (provided, asked) = provided(vec![Ok(Credentials::new("u", "p"))]);
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all().build().unwrap()
        };
        let first = runtime();
        first.block_on(async { provided.keep() });
        drop(first);
        assert_eq!(asked.load(SeqCst), 0);
        let issued = runtime().block_on(provided.issue(MINUTE));
        assert_eq!(issued.unwrap().number, 1);
    }
}

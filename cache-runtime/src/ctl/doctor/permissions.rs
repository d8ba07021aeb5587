//! Tries every command that the runtime uses, on keys of its own: that also shows which keys and channels the user may
//! touch, and commands that are renamed or missing.

use crate::common::random;
use crate::ctl::doctor::commands::{COMMANDS, Need, Weight};
use crate::ctl::doctor::report::{Check, Permission, Report};
use crate::ctl::explain;
use crate::ctl::out::visible;
use crate::ctl::place::Place;
use crate::redis::{Console, Fault};

/// The digest of `return 1`.
const RETURN_1: &str = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";

/// False: a command is refused without which the cache cannot use the server.
pub(super) async fn check(place: &Place, console: &Console, report: &mut Report) -> bool {
    let trial = Trial::new(place);
    let outcomes = match trial.run(console).await {
        Ok(outcomes) => outcomes,
        Err(fault) => {
            let failure = explain::refused(&place.target, "the commands cannot be tried", &fault);
            report.add(Check::failed("permissions", failure));
            return false;
        }
    };
    for (need, refusal) in COMMANDS.iter().zip(outcomes) {
        report.commands.push(Permission {
            command: need.name,
            allowed: refusal.is_none(),
            weight: need.weight.word(),
            used_for: need.used_for,
            without: need.without,
            refusal,
        });
    }
    judge(place, report)
}

fn judge(place: &Place, report: &mut Report) -> bool {
    let refused: Vec<Permission> = (report.commands.iter())
        .filter(|permission| !permission.allowed)
        .cloned()
        .collect();
    if refused.is_empty() {
        let text = format!(
            "all {} commands that the cache uses are allowed",
            COMMANDS.len()
        );
        report.add(Check::ok("permissions", text));
        return true;
    }
    for permission in &refused {
        let text = format!("{} is refused: {}", permission.command, permission.without);
        let check = match permission.weight {
            "extra" => Check::note("permissions", text),
            _ => Check::problem("permissions", text),
        };
        let (cause, remedy) = why(place, permission, report.user.as_deref());
        report.add(check.because(cause).remedy(remedy));
    }
    !refused
        .iter()
        .any(|permission| permission.weight == Weight::Needed.word())
}

fn why(place: &Place, permission: &Permission, user: Option<&str>) -> (String, String) {
    let refusal = permission.refusal.clone().unwrap_or_default();
    let words = refusal.to_ascii_lowercase();
    let cause = format!("{}; used for: {}", visible(&refusal), permission.used_for);
    let prefix = of_every_bucket(&place.prefix);
    let user = visible(user.unwrap_or("USER"));
    let rule = permission.command.to_ascii_lowercase().replace(' ', "|");
    let remedy = if words.contains("channel") {
        format!(
            "allow the ledger's channel: ACL SETUSER {user} '&{}'",
            of_every_bucket(&channel(place))
        )
    } else if words.contains("keys") {
        format!("allow the keys of the namespace: ACL SETUSER {user} '~{prefix}*'")
    } else if words.contains("noperm") {
        format!("allow the command: ACL SETUSER {user} +{rule}")
    } else if words.contains("unknown") {
        "look for `rename-command` in the server's configuration, or use a server that has it"
            .to_owned()
    } else {
        "read the server's own words above, and its log".to_owned()
    };
    (cause, remedy)
}

/// In a cluster, the pattern of a name in all buckets of keys: `{b39}shop:` is `{b*}shop:` there.
fn of_every_bucket(name: &str) -> String {
    let within = name
        .strip_prefix("{b")
        .and_then(|name| name.split_once('}'));
    match within {
        Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{{b*}}{rest}")
        }
        _ => name.to_owned(),
    }
}

/// The ledger's channel.
pub(super) fn channel(place: &Place) -> String {
    format!("{}%ledger@{}", place.prefix, place.target.database())
}

/// The names that the calls use.
struct Trial {
    text: String,
    set: String,
    channel: String,
}

impl Trial {
    fn new(place: &Place) -> Self {
        let scratch = format!("{}%doctor:{:016x}", place.prefix, random::number());
        Self {
            set: format!("{scratch}:set"),
            text: scratch,
            channel: channel(place),
        }
    }

    /// For each command: the server's words if it refuses it.
    async fn run(&self, console: &Console) -> Result<Vec<Option<String>>, Fault> {
        let calls: Vec<Vec<Vec<u8>>> = (COMMANDS.iter()).map(|need| self.words(need)).collect();
        let answers = console.ask_all::<()>(&calls).await?;
        let mut refusals: Vec<Option<String>> = answers.into_iter().map(refusal).collect();
        let subscribed = console.subscribe(&self.channel).await;
        let unsubscribed = console.unsubscribe(&self.channel).await;
        for (need, slot) in COMMANDS.iter().zip(&mut refusals) {
            match need.name {
                "SUBSCRIBE" => *slot = refusal(subscribed.clone()),
                "UNSUBSCRIBE" => *slot = refusal(unsubscribed.clone()),
                _ => {}
            }
        }
        // Both expire or are empty by now in any case; whoever may neither UNLINK nor DEL leaves one for ten seconds.
        for word in ["UNLINK", "DEL"] {
            let _ = console.ask::<u64>(&[word, &self.text, &self.set]).await;
        }
        Ok(refusals)
    }

    fn words(&self, need: &Need) -> Vec<Vec<u8>> {
        // What is tried in another way is a call that every user may make, to keep the places of the answers.
        let words: &[&str] = if need.trial.is_empty() {
            &["PING"]
        } else {
            need.trial
        };
        let word = |word: &&str| match *word {
            "K" => self.text.clone(),
            "Z" => self.set.clone(),
            "C" => self.channel.clone(),
            "S" => RETURN_1.to_owned(),
            "K%none" => format!("{}:none", self.text),
            other => other.to_owned(),
        };
        words.iter().map(|text| word(text).into_bytes()).collect()
    }
}

/// The server's words, if they mean that the command may not be used. Any other error is an answer.
fn refusal<T>(answer: Result<T, Fault>) -> Option<String> {
    let Err(fault) = answer else { return None };
    let text = fault.to_string();
    let lower = text.to_ascii_lowercase();
    let means = [
        "noperm",
        "no permissions",
        "unknown command",
        "unknown subcommand",
        "not supported",
        "not allowed",
        "disabled",
    ];
    means
        .iter()
        .any(|word| lower.contains(word))
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_are_no_refusal_are_answers() {
        let of = |text: &str| refusal::<()>(Err(Fault::Refused(text.into())));
        assert!(of("NOPERM this user has no permissions to run the 'get' command").is_some());
        assert!(of("ERR unknown command 'EVALSHA', with args beginning with:").is_some());
        assert!(of("NOSCRIPT No matching script.").is_none());
        assert!(of("WRONGTYPE Operation against a key").is_none());
        assert!(refusal(Ok(1)).is_none());
    }
}

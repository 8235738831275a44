//! What an error means, and which rules are about a call.

use crate::embedded::{self, RULES};
use crate::output::NAME;
use findings::{CAUSES, Cause};
use std::fmt::Write;

/// The causes of an error, or the rules about a call; `None` if the query is neither.
pub(super) fn explained(query: &str) -> Option<String> {
    findings::cause(query).map(of_error).or_else(|| of_call(query))
}

fn of_error(cause: &Cause) -> String {
    let Cause { name, words, meaning, kinds, check } = cause;
    let mut text = format!("{NAME}{name}{NAME:#}: {words}\n\n  {meaning}\n\n  To check: {check}\n");
    for kind in *kinds {
        let _ =
            write!(text, "\n  {NAME}{}{NAME:#}\n    Instead: {}\n", kind.title(), kind.advice());
        for id in kind.rules() {
            let title = embedded::rule(id).map_or("", |rule| rule.title);
            let _ = writeln!(text, "    {id}: {title}");
        }
    }
    text
}

/// The name of a call as statements write it: `KEYCTL_READ`, `add_key(2)`, `execve(2)`.
fn call_name(query: &str) -> Option<String> {
    let bare = query.trim().trim_end_matches("()");
    let bare = bare.split_once('(').map_or(bare, |(name, _)| name);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if bare.is_empty() || !bare.bytes().all(is_word) {
        return None;
    }
    match bare.to_ascii_lowercase().strip_prefix("keyctl_") {
        // keyctl(3) has functions, the rules speak of operations.
        Some(operation) => Some(format!("KEYCTL_{}", operation.to_ascii_uppercase())),
        None => Some(format!("{bare}(2)")),
    }
}

fn of_call(query: &str) -> Option<String> {
    let name = call_name(query)?;
    let speaks = |text: &str| {
        text.match_indices(&name).any(|(at, _)| {
            let next = text.as_bytes().get(at + name.len());
            !next.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        })
    };
    let rules: Vec<_> =
        RULES.iter().filter(|rule| speaks(rule.title) || speaks(rule.statement)).collect();
    if rules.is_empty() {
        return None;
    }
    let mut text = format!("{NAME}{name}{NAME:#}\n\n");
    for rule in rules {
        let _ = writeln!(text, "  {}: {}", rule.id, rule.title);
    }
    let errors: Vec<&str> = CAUSES.iter().map(|cause| cause.name).collect();
    let _ = writeln!(
        text,
        "\n  Where it fails: `keybook explain ERROR` with {}, or `keybook strace -- COMMAND`",
        errors.join(", ")
    );
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_explained_with_causes_and_rules() {
        let text = explained("Required key not available").unwrap();
        assert!(text.contains("process.threads.before: An existing thread"), "{text}");
        assert_eq!(explained("enokey"), explained("ENOKEY"));
    }

    #[test]
    fn a_call_is_explained_by_its_rules() {
        for call in ["keyctl_read", "KEYCTL_READ", "keyctl_read(3)"] {
            assert!(explained(call).unwrap().contains("  keyring.read.size: "), "{call}");
        }
        assert!(!explained("keyctl_read").unwrap().contains("KEYCTL_READING"));
        assert!(explained("add_key").unwrap().contains("  keyring.absent.add-key: "));
        assert_eq!(explained("process.fork"), None);
        assert_eq!(explained("no_such_call"), None);
    }
}

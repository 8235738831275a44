//! What a person asks about: an error by name, number or strerror's words, a call, or a line with both.

use crate::failed::{Cause, Error, Failed};
use nix::errno::Errno;
use std::collections::BTreeSet;

/// The errors and calls in a question.
pub(super) struct Question<'a> {
    failed: &'a Failed,
    /// The errors to explain.
    pub(super) errors: Vec<&'a Error>,
    /// The calls to which the explanation is limited; if empty, it is not.
    pub(super) calls: Vec<&'a str>,
}

impl<'a> Question<'a> {
    /// Understands a question; `None` if it names neither an error nor a call.
    pub(super) fn of(asked: &str, failed: &'a Failed) -> Option<Question<'a>> {
        let asked = asked.trim().to_lowercase();
        let words: Vec<&str> = words(&asked).collect();
        let errors: Vec<&Error> =
            failed.errors.iter().filter(|error| is_asked(error, &asked, &words)).collect();
        // Without the prefix, an operation has the name of a word: it must be the whole question.
        let alone = asked.trim_start_matches("keyctl ").replace([' ', '-'], "_");
        let is_asked = |call: &&str| {
            let call = call.to_lowercase();
            words.contains(&call.as_str()) || call.strip_prefix("keyctl_") == Some(&alone)
        };
        let calls: Vec<&str> = calls(failed).into_iter().filter(is_asked).collect();
        let errors = match (errors.is_empty(), calls.is_empty()) {
            (true, true) => return None,
            (true, false) => failed.errors.iter().collect(),
            (false, _) => errors,
        };
        let question = Question { failed, errors, calls };
        let answered = question.errors.iter().any(|error| question.causes(error).next().is_some());
        answered.then_some(question)
    }

    /// The causes of an error that apply to a call in question.
    pub(super) fn causes<'b>(&'b self, error: &'b Error) -> impl Iterator<Item = &'b Cause> {
        error.causes.iter().filter(|cause| {
            let calls = cause.calls(error, self.failed);
            self.calls.is_empty()
                || cause.is_of_all_calls()
                || self.calls.iter().any(|call| calls.contains(call))
        })
    }
}

/// The words of a text: letters, digits and underscores.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Whether a question in lower case names an error.
fn is_asked(error: &Error, asked: &str, words: &[&str]) -> bool {
    let name = error.name.to_lowercase();
    let number = asked.trim_start_matches('-').parse().ok().map(Errno::from_raw);
    let number = number.is_some_and(|errno| format!("{errno:?}") == error.name);
    // The kernel's words differ from the C library's for some errors.
    let kernel = trace::Errno::ALL.iter().find(|errno| errno.name() == error.name);
    let said = [Some(error.words.as_str()), kernel.map(|errno| errno.words())];
    let said = said.into_iter().flatten().map(str::to_lowercase).any(|said| {
        let part = asked.contains(' ') || said.split(' ').any(|word| word == asked);
        asked.contains(&said) || (part && said.contains(asked))
    });
    number || said || words.contains(&name.as_str())
}

/// The calls that can fail.
fn calls(failed: &Failed) -> BTreeSet<&str> {
    failed.errors.iter().flat_map(|error| error.calls(failed).into_keys()).collect()
}

/// The error for a question that names nothing known, with what is near.
pub(super) fn unknown(asked: &str, failed: &Failed) -> String {
    let mut names: Vec<&str> = calls(failed).into_iter().collect();
    names.extend(failed.errors.iter().flat_map(|error| [error.name.as_str(), &error.words]));
    let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let near = similar::get_close_matches(&*asked.to_lowercase(), &lower, 3, 0.6);
    let near = near.into_iter().filter_map(|it| lower.iter().position(|name| *name == it));
    let near: Vec<&str> = near.map(|nth| names[nth]).collect();
    let hint = match near.is_empty() {
        true => "name an error (`ENOKEY`, `126`), what strerror(3) says of it, a call (`add_key`), or a rule \
                 (`keybook rules` lists them)"
            .to_owned(),
        false => format!("is it {}?", near.join(", ")),
    };
    format!("nothing is known about `{}`: {hint}", asked.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failed;

    fn asked(text: &str) -> (Vec<&'static str>, Vec<&'static str>) {
        let question = Question::of(text, failed::table().unwrap());
        let question = question.unwrap_or_else(|| panic!("{text:?} is not understood"));
        (question.errors.iter().map(|error| error.name.as_str()).collect(), question.calls)
    }

    #[test]
    fn an_error_is_known_by_name_number_and_words() {
        for text in [
            "ENOKEY",
            "enokey",
            "126",
            "-126",
            "Required key not available",
            "required KEY",
            "= -1 ENOKEY (Required key not available)",
        ] {
            assert_eq!(asked(text), (vec!["ENOKEY"], vec![]), "{text}");
        }
        assert_eq!(asked("quota exceeded").0, ["EDQUOT"]);
        assert_eq!(asked("Operation not supported on transport endpoint").0, ["EOPNOTSUPP"]);
        assert_eq!(asked("revoked").0, ["EKEYREVOKED"]);
    }

    #[test]
    fn a_call_is_known_by_all_its_names() {
        for text in ["keyctl_read", "KEYCTL_READ", "keyctl read", "read", "keyctl_read(@p, 0)"] {
            assert_eq!(asked(text).1, ["keyctl_read"], "{text}");
        }
        assert_eq!(asked("add_key(2)").1, ["add_key"]);
        assert_eq!(asked("KEYCTL_GET_KEYRING_ID").1, ["keyctl_get_keyring_ID"]);
    }

    #[test]
    fn a_line_with_a_call_and_an_error_is_about_both() {
        let both = (vec!["EKEYREVOKED"], vec!["add_key"]);
        assert_eq!(asked("add_key: Key has been revoked"), both);
        assert_eq!(asked("add_key EKEYREVOKED"), both);
        // A sandbox refuses every call.
        let refused = (vec!["EPERM"], vec!["keyctl_read"]);
        assert_eq!(asked("keyctl_read: Operation not permitted"), refused);
    }

    #[test]
    fn what_is_unknown_is_answered_with_what_is_near() {
        let failed = failed::table().unwrap();
        for text in ["", " ", "ENOKY", "the", "mmap", "126 keys", "add_key ELOOP", "é\u{1b}"] {
            let question = Question::of(text, failed);
            assert!(question.is_none(), "{text:?} is understood");
        }
        assert!(unknown("ENOKY", failed).contains(": is it ENOKEY"));
        assert!(unknown("adkey", failed).contains("add_key"));
        assert!(
            unknown("zzz\u{1b}", failed)
                .starts_with("nothing is known about `zzz\\u{1b}`: name an error")
        );
    }
}

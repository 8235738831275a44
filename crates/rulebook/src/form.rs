//! The form of a title and a statement, and words to avoid.

/// The longest title, in characters.
const TITLE: usize = 65;
/// The longest statement, in words; a name in backquotes counts as one.
const STATEMENT: usize = 25;

/// The phrases to avoid, one on each line with what to write instead.
pub const PHRASES: &str = include_str!("phrases.txt");

/// The phrases to avoid, each with what to write instead.
pub fn phrases() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = PHRASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(" = "))
}

/// The lines on which a text contains a phrase as whole words, in any case. A line break counts as a
/// space.
pub fn lines_with(text: &str, phrase: &str) -> Vec<usize> {
    let words = text.lines().enumerate().flat_map(|(nth, line)| {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '\'');
        words.filter(|word| !word.is_empty()).map(move |word| (nth + 1, word.to_lowercase()))
    });
    let words: Vec<(usize, String)> = words.collect();
    let phrase: Vec<&str> = phrase.split(' ').collect();
    let fits = |window: &&[(usize, String)]| {
        window.iter().zip(&phrase).all(|((_, word), wanted)| word == wanted)
    };
    words.windows(phrase.len()).filter(fits).map(|window| window[0].0).collect()
}

/// What is wrong with a title and a statement, each with the fix.
pub(crate) fn faults(title: &str, statement: &str) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let characters = title.chars().count();
    if characters > TITLE {
        let what = format!("has a title of {characters} characters");
        faults.push((what, format!("shorten it to {TITLE}")));
    }
    let words = words(statement);
    if words > STATEMENT {
        let what = format!("has a statement of {words} words");
        faults.push((what, format!("shorten it to {STATEMENT}, or make two rules of it")));
    }
    for (phrase, instead) in phrases() {
        if [title, statement].iter().any(|text| !lines_with(text, phrase).is_empty()) {
            faults.push((format!("says `{phrase}`"), format!("write {instead}")));
        }
    }
    faults
}

/// The number of words; a name in backquotes counts as one.
fn words(statement: &str) -> usize {
    let parts = statement.split('`').enumerate();
    let text: String = parts.map(|(nth, part)| if nth % 2 == 0 { part } else { "X" }).collect();
    text.split_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_backquotes_is_one_word() {
        assert_eq!(words("`keyctl_read(@t, 1)` of a key's `payload`."), 5);
    }

    #[test]
    fn a_phrase_is_found_across_lines_and_not_within_words() {
        let text = "/// One, two\n/// three. Two threefold.";
        assert_eq!(lines_with(text, "two three"), [1]);
        assert_eq!(lines_with(text, "three"), [2]);
    }
}

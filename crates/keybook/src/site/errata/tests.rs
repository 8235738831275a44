//! The table of the errata: its form, and that it agrees with the rules.

use super::*;
use rulebook::{SENTENCES, Verdict};
use std::path::PathBuf;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_sentence_is_judged_as_its_rules_say() {
    let (errata, book) = (read(&root()).unwrap(), Rulebook::read(&root()));
    let claims: Vec<&Claim> = errata.manual.iter().flat_map(|manual| &manual.claim).collect();
    let mut wrong = Vec::new();
    for sentence in &SENTENCES {
        let number = sentence.number;
        let Some(claim) = claims.iter().find(|claim| claim.id == number) else {
            wrong.push(format!("{number} has no claim"));
            continue;
        };
        let from = |verdict: Verdict| {
            let of = |rule: &&Rule| rule.verdict == verdict && rule.from.contains(&number);
            book.rules.iter().filter(of).count()
        };
        let contradicted = from(Verdict::Contradicted);
        if claim.verdict == Judgment::Right && contradicted > 0 {
            wrong.push(format!("{number} is not right: {contradicted} rules contradict it"));
        }
        if claim.verdict != Judgment::Right && contradicted + from(Verdict::Sharpened) == 0 {
            wrong.push(format!("no rule says more than {number}"));
        }
        let rules = claim.rules(&book).unwrap();
        if !rules.iter().any(|rule| rule.from.contains(&number)) {
            wrong.push(format!("no rule of {number}'s claim is from that sentence"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_claim_has_the_right_form_and_its_own_id() {
    let (errata, book) = (read(&root()).unwrap(), Rulebook::read(&root()));
    let mut ids = BTreeSet::new();
    for manual in &errata.manual {
        for claim in &manual.claim {
            assert!(ids.insert(&claim.id), "{} stands twice", claim.id);
            claim.rules(&book).unwrap_or_else(|error| panic!("{}: {error}", claim.id));
        }
    }
}

#[test]
fn a_claim_of_the_wrong_form_is_refused() {
    let book = Rulebook::read(&root());
    let refused = |change: &dyn Fn(&mut Claim)| {
        let mut claim = Claim {
            id: "T1".to_owned(),
            quote: "one two".to_owned(),
            verdict: Judgment::Wrong,
            observed: String::new(),
            before: None,
            rules: vec!["thread.fork".to_owned()],
            correct: String::new(),
            program: Some("x.c".to_owned()),
        };
        assert!(claim.rules(&book).is_ok());
        change(&mut claim);
        claim.rules(&book).unwrap_err().to_string()
    };
    let long = "word ".repeat(LONGEST_QUOTE + 1);
    let quoted = refused(&|claim| claim.quote = long.clone());
    assert_eq!(quoted, "it quotes 13 words: quote at most 12");
    assert_eq!(refused(&|claim| claim.rules.clear()), "it has 0 rules: name 1 to 3");
    let unknown = refused(&|claim| claim.rules = vec!["thread.no".to_owned()]);
    assert_eq!(unknown, "there is no rule `thread.no`");
    let right = refused(&|claim| claim.verdict = Judgment::Right);
    assert_eq!(right, "every claim needs a program, except one that is right");
}

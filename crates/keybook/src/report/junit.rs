//! Reports as JUnit XML. A rule that differs is a failure, a broken one an error, one that is not
//! observed is skipped. The facts about the system are properties of the suite.

use super::human::difference;
use super::results::{CheckResult, Report};
use crate::output::plain;
use anyhow::Result;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

pub(crate) fn junit(report: &Report) -> Result<String> {
    let mut suite = TestSuite::new("keybook");
    for fact in report.facts() {
        suite.add_property(fact);
    }
    for rule in &report.rules {
        let status = match &rule.result {
            CheckResult::Held => TestCaseStatus::success(),
            CheckResult::Differs { pinned, trace, message } => {
                let difference = plain(&difference(pinned.as_deref(), trace));
                failed(NonSuccessKind::Failure, rule.result.kind().word(), message, &difference)
            }
            CheckResult::Broken { how, message } => {
                failed(NonSuccessKind::Error, rule.result.kind().word(), how, message)
            }
            CheckResult::NotObserved { because, .. } => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(because.as_str());
                status
            }
        };
        let mut case = TestCase::new(rule.id.as_str(), status);
        case.set_classname("keybook");
        suite.add_test_case(case);
    }
    let mut all = quick_junit::Report::new("keybook");
    all.add_test_suite(suite);
    Ok(all.to_string()? + "\n")
}

fn failed(kind: NonSuccessKind, word: &str, message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(word).set_message(message).set_description(description);
    status
}

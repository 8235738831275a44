//! JUnit's XML, as CI servers read it: *differs* is a failure, *broken* an error, *not observed*
//! skipped. The facts on the place are properties of the suite.

use super::Report;
use super::human::difference;
use crate::commands::check::Verdict;
use anyhow::Result;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

pub(crate) fn junit(report: &Report) -> Result<String> {
    let mut suite = TestSuite::new("keybook");
    for fact in report.facts() {
        suite.add_property(fact);
    }
    for checked in &report.rules {
        let status = match &checked.verdict {
            Verdict::Held => TestCaseStatus::success(),
            Verdict::Differs { pinned, trace, message } => {
                let difference = difference(pinned.as_deref().unwrap_or_default(), trace);
                let difference = anstream::adapter::strip_str(&difference).to_string();
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status
                    .set_type("differs")
                    .set_message(message.as_str())
                    .set_description(difference);
                status
            }
            Verdict::Broken { how, message } => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
                status
                    .set_type("broken")
                    .set_message(how.as_str())
                    .set_description(message.as_str());
                status
            }
            Verdict::NotObserved { because, .. } => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(because.as_str());
                status
            }
        };
        let mut case = TestCase::new(checked.id.as_str(), status);
        case.set_classname("keybook");
        suite.add_test_case(case);
    }
    let mut all = quick_junit::Report::new("keybook");
    all.add_test_suite(suite);
    Ok(all.to_string()? + "\n")
}

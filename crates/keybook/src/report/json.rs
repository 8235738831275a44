//! Reports as JSON.

use super::results::Report;

/// One line per rule: a guest sends the report over a serial console, which is slow.
pub(crate) fn json(report: &Report) -> serde_json::Result<String> {
    let rules = report.rules.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(format!(
        "{{\n\"environment\": {},\n\"summary\": {},\n\"rules\": [\n{}\n]\n}}\n",
        serde_json::to_string_pretty(&report.environment)?,
        serde_json::to_string(&report.summary)?,
        rules.join(",\n")
    ))
}

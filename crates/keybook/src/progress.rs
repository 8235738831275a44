//! Progress bars.

use crate::init;
use indicatif::{ProgressBar, ProgressStyle};

/// Creates a progress bar of `length` steps, with text behind it in indicatif's template syntax.
/// It shows on a terminal only, and never on the console of a guest.
pub(crate) fn bar(length: u64, text: &str) -> ProgressBar {
    if init::is_first_process() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!("{{bar:40}} {text}"));
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

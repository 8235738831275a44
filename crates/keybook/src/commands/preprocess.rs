//! `keybook preprocess`: answers mdBook, which runs it as book.toml says.

use crate::site::pages::Pages;
use crate::status::HELD;
use anyhow::{Result, bail};
use mdbook_preprocessor::{Preprocessor, parse_input};
use std::io;

/// Reads the book on standard input and writes it to standard output. mdBook first asks `supports
/// RENDERER`; every renderer is supported, as the output is Markdown with some HTML.
pub(crate) fn run(question: &[String]) -> Result<u8> {
    match question {
        [word, _renderer] if word == "supports" => {}
        [] => {
            let (context, book) = parse_input(io::stdin())?;
            serde_json::to_writer(io::stdout(), &Pages.run(&context, book)?)?;
        }
        _ => bail!("mdBook runs `preprocess`, as book.toml says"),
    }
    Ok(HELD)
}

//! What mdBook's preprocessor adds to the book's pages.

pub(crate) mod columns;
mod html;
pub(crate) mod preprocess;
mod tables;

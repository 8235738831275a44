//! What the preprocessor generates for the book's pages: provenance and trace of each rule, and the
//! tables of the reference.

pub(crate) mod circumstances;
pub(crate) mod columns;
mod drawing;
pub(crate) mod environments;
mod html;
pub(crate) mod pages;
mod picture;
mod tables;

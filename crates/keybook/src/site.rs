//! What the preprocessor generates for the book's pages: the card of each rule, and the tables of the
//! reference.

pub(crate) mod address;
pub(crate) mod badge;
mod card;
mod case;
mod changes;
pub(crate) mod circumstances;
pub(crate) mod columns;
pub(crate) mod data;
mod drawing;
pub(crate) mod environments;
mod errata;
pub(crate) mod html;
mod marks;
pub(crate) mod pages;
mod picture;
pub(crate) mod play;
pub(crate) mod redirects;
mod row;
pub(crate) mod search;
mod strip;
mod tables;
mod text;

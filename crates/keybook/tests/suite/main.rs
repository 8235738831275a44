//! The tests of the program.

mod blocked;
mod broken;
mod cli;
mod driver;
mod explore;
mod formats;
mod full;
mod judge;
mod links;
mod robust;

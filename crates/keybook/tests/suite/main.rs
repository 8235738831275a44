//! The integration tests: see README.md beside this folder.

mod blocked;
mod broken;
mod cli;
mod data;
mod diff;
mod driver;
mod errata;
mod explore;
mod formats;
mod full;
mod guarantees;
mod judge;
mod links;
mod look;
mod man;
mod play;
mod publish;
mod robust;
mod search;
mod site;
mod strace;
mod vary;

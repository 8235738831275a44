//! tmp
use crate::*;
#[test]
fn dump() {
    for dir in std::env::var("DIRS").unwrap().split(':') {
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for run in strace::runs(&paths).unwrap() {
        println!("=== {:?} {:?}", run.paths, run.order);
        println!("{}", events(run.open().unwrap()));
    }
    }
}

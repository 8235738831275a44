//! The smallest guest: says what it was told and what it finds, and stays. If it is to hold a place for
//! another program, it does that first, as keybook does.

#[path = "../../src/guest.rs"]
#[allow(dead_code)]
mod guest;

fn main() {
    if let Some(pages) = guest::pages_to_hold() {
        hold(pages);
    }
    println!("keybook: begin");
    if cfg!(other) {
        println!("the other program");
    }
    println!("args: {:?}", std::env::args().skip(1).collect::<Vec<_>>());
    println!("file: {:?}", std::fs::read_to_string("/etc/greeting"));
    println!("process: {}", std::process::id());
    println!("keybook: end 7");
    loop {
        std::thread::park();
    }
}

/// Waits for the program, and becomes it.
fn hold(pages: u64) {
    use std::os::unix::process::CommandExt;
    let program = std::path::Path::new("/program");
    if program.exists() {
        return;
    }
    guest::wait_for_program(program, pages).expect("a place");
    let error = std::process::Command::new(program).args(std::env::args().skip(1)).exec();
    panic!("the program cannot be run: {error}");
}

//! The smallest guest: prints its arguments, a file and its process id, and then waits.

fn main() {
    println!("keybook: begin");
    println!("args: {:?}", std::env::args().skip(1).collect::<Vec<_>>());
    println!("file: {:?}", std::fs::read_to_string("/etc/greeting"));
    println!("process: {}", std::process::id());
    println!("keybook: end 7");
    loop {
        std::thread::park();
    }
}

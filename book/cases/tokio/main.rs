// Two tasks on two worker threads: one adds a key, the other looks for it.
use linux_keyutils::{KeyRing, KeyRingIdentifier::Process};
use std::sync::{mpsc, Barrier};

static BOTH_RUN: Barrier = Barrier::new(2);

fn main() {
    KeyRing::from_special_id(Process, true).unwrap(); // the fix
    run();
}

// The workers exist before the first line of this function runs.
#[tokio::main(worker_threads = 2)]
async fn run() {
    KeyRing::from_special_id(Process, true).unwrap();
    let (added, wait) = mpsc::channel();
    let look = tokio::spawn(async move {
        BOTH_RUN.wait();
        wait.recv().unwrap();
        let ring = KeyRing::from_special_id(Process, false);
        println!("look: {:?}", ring.and_then(|ring| ring.search("db")));
    });
    let add = tokio::spawn(async move {
        BOTH_RUN.wait();
        let ring = KeyRing::from_special_id(Process, true).unwrap();
        let key = ring.add_key("db", b"correct horse battery");
        added.send(()).unwrap();
        println!("add: {key:?}");
    });
    look.await.unwrap();
    add.await.unwrap();
}

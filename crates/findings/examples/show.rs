//! Prints what is found in a log.
use findings::Explainer;
use strace::{Place, Reader, runs};

fn main() {
    let paths: Vec<_> = std::env::args_os().skip(1).map(Into::into).collect();
    for run in runs(&paths).unwrap() {
        let mut reader: Reader = run.open().unwrap();
        let mut explainer = Explainer::new(run.order);
        loop {
            explainer.first_pid(reader.first_pid());
            let Some(event) = reader.next().unwrap() else { break };
            explainer.event(&event);
        }
        let explained = explainer.finish(&|place: Place| format!("{}", place.line));
        println!("== {:?}: {} calls", run.paths[0], explained.key_calls);
        for f in &explained.findings {
            println!("* {} x{} {:?}\n    {}", f.kind, f.count, f.places, f.text);
        }
        for s in &explained.stories {
            println!("- {}", s.name);
            for t in &s.sentences {
                println!("    {} [{:?}] x{} {:?}", t.text, t.place, t.count, t.rules);
            }
        }
    }
}

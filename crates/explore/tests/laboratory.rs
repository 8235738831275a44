//! Programs on the kernel: what is observed of them, and how a program that disagrees is shortened.
//!
//! A laboratory requires a process with one thread, and tasks that start this program again have to be
//! recognized in `main`. So this test binary has its own `main` and runs its tests one after another.

use explore::guarantee::{Guarantee, Who};
use explore::random::{Can, Random};
use explore::snippet::snippet;
use explore::{Disagreement, Judgment, Laboratory, Refuses, TaskProgram};
use libtest_mimic::{Arguments, Failed, Trial};
use model::{Refusal, Why};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use trace::{Event, Outcome, Trace};

fn main() -> ExitCode {
    keyrings::serve_if_invited();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    type Test = fn() -> Result<(), String>;
    let tests: [(&str, Test); 6] = [
        ("the actions of every kind of task are observed in order", every_kind),
        ("a program that disagrees is shrunk to the calls that matter", shrunk),
        ("steps that nothing depends on are removed", shortened),
        ("an impossible program is refused, and a judge that panics disagrees", impossible),
        ("the events of a program without a kernel are those that a kernel shows", same_events),
        ("a guarantee breaks on the kernel where it breaks in the model", broken_alike),
    ];
    let trials = tests.map(|(name, test)| Trial::test(name, move || here(test)));
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

/// Runs a test if the kernel has keyrings.
fn here(test: fn() -> Result<(), String>) -> Result<(), Failed> {
    if let Some(why) = keyrings::probe::Keyrings::here().explain() {
        eprintln!("not observed: {why}");
        return Ok(());
    }
    test().map_err(Failed::from)
}

fn laboratory(refuses: Refuses) -> Result<Laboratory, String> {
    Laboratory::with(refuses).map_err(|error| error.desc().to_owned())
}

fn equal<T: PartialEq + std::fmt::Display>(got: T, expected: T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("got:\n{got}\nexpected:\n{expected}")) }
}

/// A judge that refuses every key that a child revokes.
fn revoking_child(trace: &Trace) -> Option<Refusal> {
    let (nth, event) = trace.events().iter().enumerate().find(|(_, event)| {
        event.task.starts_with("child")
            && event.call == "keyctl_revoke"
            && matches!(event.outcome, Outcome::Returned(_))
    })?;
    let why = Why::NotUnderstood("a child that revokes nothing".to_owned());
    Some(Refusal { nth, event: event.clone(), why })
}

fn disagreement(judgment: Judgment) -> Result<Disagreement, String> {
    match judgment {
        Judgment::Disagrees(found) => Ok(*found),
        judgment => Err(format!("{judgment:?}")),
    }
}

fn every_kind() -> Result<(), String> {
    let program: TaskProgram = "main keyctl_get_keyring_ID @p 1; main fork; \
                            child1 keyctl_link K1 @p; child1 pthread_create; thread2 execve; \
                            thread2 open; thread2 close; main posix_spawn; thread2 exit; \
                            main vfork keyctl_get_keyring_ID @t 1; \
                            main clone_vm keyctl_revoke @p; child3 pthread_exit"
        .parse()?;
    let (executed, trace) = laboratory(|_| None)?.run(&program)?;
    equal(
        trace.to_string(),
        "main     keyctl_get_keyring_ID(@p, 1) = K1\n\
         main     fork() = child1\n\
         child1   keyctl_link(K1, @p) = -1 EACCES (Permission denied)\n\
         child1   pthread_create() = thread2\n\
         thread2  execve(self) = 0\n\
         thread2  open(\"/dev/null\") = file\n\
         thread2  close(file) = 0\n\
         main     posix_spawn(self) = child3\n\
         thread2  exit(0)\n\
         main     waitpid(thread2) = thread2\n\
         main     vfork() = child4\n\
         child4   keyctl_get_keyring_ID(@t, 1) = K2\n\
         child4   exit(0)\n\
         main     clone(CLONE_VM) = child5\n\
         child5   keyctl_revoke(@p) = -1 ENOKEY (Required key not available)\n\
         child5   exit(0)\n\
         child3   pthread_exit()\n"
            .to_owned(),
    )?;
    equal(
        snippet("a.rule", &executed),
        "```rust\n\
         # use keyrings::*;\n\
         # fn main() -> Observed { observe(\"a.rule\", || {\n\
         let k1 = keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, CREATE)?;\n\
         let child1 = fork(\"child1\")?;\n\
         child1.run_with(k1, |k1| expect(keyctl_link(k1, KEY_SPEC_PROCESS_KEYRING), EACCES))?;\n\
         let thread2 = child1.run(|| pthread_create(\"thread2\"))?;\n\
         thread2.run(|| execve(SELF))?;\n\
         let file5 = thread2.run(|| open(\"/dev/null\"))?;\n\
         thread2.run_with(file5, |file5| close(file5))?;\n\
         let child3 = posix_spawn(\"child3\")?;\n\
         thread2.exit()?;\n\
         vfork(\"child4\", || succeeds(keyctl_get_keyring_ID(KEY_SPEC_THREAD_KEYRING, CREATE)))?;\n\
         clone_vm(NO_FLAGS, \"child5\", || expect(keyctl_revoke(KEY_SPEC_PROCESS_KEYRING), ENOKEY))?;\n\
         child3.pthread_exit()?;\n\
         Ok(())\n\
         # }) }\n\
         ```\n"
            .to_owned(),
    )
}

fn shrunk() -> Result<(), String> {
    let laboratory = laboratory(revoking_child)?;
    let random = Random::new(1, Can::default());
    let mut found = (0..2000).filter_map(|number| {
        let long = match laboratory.judge(&random.program(number)?) {
            Judgment::Disagrees(found) => found,
            _ => return None,
        };
        let short = disagreement(random.judge(number, &laboratory, true));
        Some(short.map(|short| (long.program().steps.len(), short)))
    });
    let (long, short) = found.next().ok_or("no child revokes a key in any of 2000 programs")??;
    let program = short.program();
    // A child, its call, and at most a call that creates the key.
    if long > 5 && program.steps.len() <= 3 && short.trace.to_string().contains("keyctl_revoke") {
        Ok(())
    } else {
        Err(format!("{long} steps have become {program}"))
    }
}

fn shortened() -> Result<(), String> {
    let laboratory = laboratory(revoking_child)?;
    let program: TaskProgram = "main fork; main add_key a @t; main pthread_create; main fork; \
                            thread2 keyctl_read_keyring @s; main fork; \
                            child4 keyctl_get_keyring_ID @p 1; child1 keyctl_get_keyring_ID @t 1; \
                            child4 keyctl_revoke K2; child1 exit"
        .parse()?;
    let found = disagreement(laboratory.judge(&program))?;
    let short = laboratory.shorten(found);
    equal(
        short.program().to_string(),
        "main fork; child1 keyctl_get_keyring_ID @p 1; child1 keyctl_revoke K1".to_owned(),
    )
}

fn impossible() -> Result<(), String> {
    // A file cannot be closed twice: the text is refused before anything runs.
    let refused = "main open; main close; main close".parse::<TaskProgram>();
    equal(
        refused.err().unwrap_or_default(),
        "step 3, `main close`: this task cannot do that now".to_owned(),
    )?;
    let panics: Refuses = |_| std::panic::resume_unwind(Box::new("without a word"));
    match laboratory(panics)?.judge(&"main fork".parse()?) {
        Judgment::Disagrees(found) if found.kind() == "the model panics" => Ok(()),
        judgment => Err(format!("{judgment:?}")),
    }
}

/// The calls of random programs, with their arguments, as the kernel shows them and as the model is asked them.
fn same_events() -> Result<(), String> {
    let laboratory = laboratory(|_| None)?;
    let random = Random::new(7, Can::default());
    for program in (0..60).filter_map(|number| random.program(number)) {
        let Ok((executed, trace)) = laboratory.run(&program) else { continue };
        let program = TaskProgram { steps: executed.iter().map(|one| one.step).collect() };
        let asked = |events: &[Event]| -> Vec<String> {
            let shown = |event: &Event| {
                // A trace numbers all files and keys that it shows; a program those that calls return.
                let request = event.request();
                let names = |c: char| !(c.is_alphanumeric() || c == '_' || c == '@');
                // The name of a session has a number by which no other run has it.
                let is_number = |word: &&str| word.len() > 5 && word.parse::<u64>().is_ok();
                let words = request.split(names).filter(|word| !is_number(word));
                let words = words.map(|word| match word.strip_prefix(['K']) {
                    Some(rest) if rest.parse::<u32>().is_ok() => "K",
                    _ if word.starts_with("file") => "file",
                    _ => word,
                });
                format!("{} {}", event.task, words.collect::<Vec<_>>().join(" "))
            };
            // The kernel is only waited for if the key got its timeout.
            events.iter().filter(|event| event.call != "wait_until").map(shown).collect()
        };
        equal(
            asked(&program.events_without_outcomes()).join("\n"),
            asked(trace.events()).join("\n"),
        )?;
    }
    Ok(())
}

fn broken_alike() -> Result<(), String> {
    let steps = ["fork".to_owned(), "keyctl_link @t @s".to_owned()];
    let never = ["others keyctl_read_alloc K1 succeeds".to_owned()];
    let owner = [(Who::Owner, &steps[..])];
    let private =
        Guarantee::new("main fork; child1 add_key a @t", "child1", false, &owner, &never)?;
    let model = private.search(2, None)?.broken.ok_or("the model breaks it")?;
    let end = Instant::now() + Duration::from_secs(60);
    let kernel = private.observe(&laboratory(|_| None)?, 2, end);
    let kernel = kernel.broken.ok_or("the kernel breaks it")?;
    equal(format!("{kernel:?}"), format!("{model:?}"))?;
    for (begin, never, why) in [
        ("main fork", "nobody keyctl_read_alloc K1 succeeds", "anyone, owner or others"),
        ("main fork", "others keyctl_read_alloc K1 hangs", "succeeds or fails"),
        ("main fork", "others keyctl_read_alloc succeeds", "with 0 arguments"),
        ("main sing", "others keyctl_read_alloc K1 succeeds", "no call `sing`"),
        ("main fork", "", "fewer than three words"),
    ] {
        let refused = Guarantee::new(begin, "child1", false, &owner, &[never.to_owned()]);
        let refused = refused.err().ok_or("it is refused")?;
        if !refused.contains(why) {
            return Err(format!("{refused:?} does not say {why:?}"));
        }
    }
    Ok(())
}

//! The frame around snippets, and what snippets rarely do: long texts, large keyrings, failures.
//!
//! Each program here is run in a process of its own, as a snippet is, and judged by what it
//! prints and how it ends.

use keyrings::*;
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::{Command, ExitCode, Output, Termination};

/// A program, and what is to be seen of it: its exit status, and parts of what it prints.
struct Program {
    name: &'static str,
    run: fn() -> Checked,
    status: i32,
    stdout: &'static [&'static str],
    stderr: &'static [&'static str],
}

const HERE: &str = "__program";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if let [_, here, name] = &args[..]
        && here == HERE
        && let Some(program) = PROGRAMS.iter().find(|program| program.name == name)
    {
        return observe(program.name, program.run).report();
    }
    let arguments = Arguments::from_args();
    let trials = PROGRAMS.iter().map(|program| Trial::test(program.name, || judge(program)));
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn run(program: &str) -> Output {
    let itself = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(itself);
    command.args([HERE, program]).env_remove(TRACES_VARIABLE);
    command.output().expect("this program can be run again")
}

fn judge(program: &Program) -> Result<(), Failed> {
    if let Some(why) = place::Keyrings::here().explain() {
        eprintln!("not observed: {why}");
        return Ok(());
    }
    let output = run(program.name);
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let said = format!("status {:?}\n{stdout}\n{stderr}", output.status.code());
    let found = output.status.code() == Some(program.status)
        && program.stdout.iter().all(|part| stdout.contains(part))
        && program.stderr.iter().all(|part| stderr.contains(part));
    if found { Ok(()) } else { Err(said.into()) }
}

static PROGRAMS: &[Program] = &[
    Program {
        name: "a failed expectation says rule, task, call, expectation and answer",
        run: || {
            let child = fork("child")?;
            child.run(|| {
                expect(keyctl_get_keyring_ID(KEY_SPEC_THREAD_KEYRING, NO_CREATE), EKEYREVOKED)
            })
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["child  keyctl_get_keyring_ID(@t, 0) = -1 ENOKEY (Required key not available)"],
        stderr: &[
            "a failed expectation says rule, task, call, expectation and answer is not as the rule \
             says.",
            "child, line ",
            "keyctl_get_keyring_ID(@t, 0) was to give EKEYREVOKED, and gave ENOKEY (Required key \
             not available)",
        ],
    },
    Program {
        name: "an unexpected error says which call gave it",
        run: || {
            keyctl_clear(KEY_SPEC_GROUP_KEYRING)?;
            Ok(())
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["main  keyctl_clear(@g) = -1 EINVAL (Invalid argument)"],
        stderr: &["keyctl_clear(@g) was to succeed, and gave EINVAL (Invalid argument)"],
    },
    Program {
        name: "descriptions hold semicolons and are as long as they like",
        run: || {
            let name = "a;b;".repeat(1000);
            let key = add_key("user", &name, "x", KEY_SPEC_SESSION_KEYRING)?;
            let told = keyctl_describe_alloc(key)?;
            ensure(told.kind == "user" && told.description == name, "the description is whole")
        },
        status: 0,
        stdout: &[],
        stderr: &[],
    },
    Program {
        name: "payloads and keyrings are read whole",
        run: || {
            let payload = vec![b'p'; 30_000];
            let key = add_key("user", "large", &payload, KEY_SPEC_SESSION_KEYRING)?;
            ensure(keyctl_read_alloc(key)? == payload, "the payload is whole")?;
            let ring = add_keyring("ring", KEY_SPEC_SESSION_KEYRING)?;
            let parts = (0..100).map(|nth| add_keyring(&format!("part {nth}"), ring));
            let parts: std::collections::BTreeSet<_> = parts.collect::<Result<_, _>>()?;
            ensure(keyctl_read_keyring(ring)? == parts, "all keys are told")
        },
        status: 0,
        stdout: &["add_key(\"user\", \"large\", [30000, bytes], @s) = K1"],
        stderr: &[],
    },
    Program {
        name: "orders carry numbers there and back, through execve too",
        run: || {
            let child = fork("child")?;
            let (numbers, key) = ([1u32, 2, 3], KeySerial(7));
            let back = move || Ok::<_, Failure>((numbers, key));
            ensure(child.run(back)? == (numbers, key), "through fork")?;
            child.run(|| execve(SELF))?;
            ensure(child.run(back)? == (numbers, key), "through execve")?;
            let spawned = posix_spawn("spawned")?;
            ensure(spawned.run(back)? == (numbers, key), "through posix_spawn")?;
            let thread = spawned.run(|| pthread_create("its-thread"))?;
            ensure(thread.run(back)? == (numbers, key), "to a thread of another process")
        },
        status: 0,
        stdout: &["child    execve(self) = 0\n", "main     posix_spawn(self) = spawned\n"],
        stderr: &[],
    },
    Program {
        name: "an order to a new program that carries a reference is refused",
        run: || {
            let words: &'static str = PROGRAMS[0].name;
            let child = fork("child")?;
            child.run(move || ensure(!words.is_empty(), "it can be read before execve"))?;
            child.run(|| execve(SELF))?;
            child.run(move || ensure(!words.is_empty(), "it means nothing there"))
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["child  execve(self) = 0"],
        stderr: &["carries a reference, which means nothing in the new program"],
    },
    Program {
        name: "a task that dies in the middle is told",
        run: || {
            let child = fork("child")?;
            child.run(|| -> Checked { std::process::abort() })
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["main  fork() = child"],
        stderr: &["main, line ", "child died in the middle"],
    },
    Program {
        name: "a task that has ended takes no orders",
        run: || {
            let child = fork("child")?;
            child.exit()?;
            child.run(|| Ok::<(), Failure>(()))
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["child  exit(0)\nmain   waitpid(child) = child\n"],
        stderr: &["child has ended and takes no orders"],
    },
    Program {
        name: "the name of a task is one word",
        run: || fork("my child").map(drop),
        status: NOT_AS_EXPECTED as i32,
        stdout: &[],
        stderr: &["`my child` is no name for a task: one word, no spaces"],
    },
    Program {
        name: "the name of a task has an end",
        run: || {
            fork(&"é".repeat(24))?;
            fork(&"é".repeat(25)).map(drop)
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["main  fork() = éééééééééééééééééééééééé\n"],
        stderr: &["is no name for a task", "at most 48 bytes"],
    },
    Program {
        name: "two tasks cannot have one name",
        run: || {
            fork("child")?;
            fork("child").map(drop)
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &[],
        stderr: &["there is a task named `child` already"],
    },
    Program {
        name: "the main task cannot be replaced",
        run: || {
            expect(execve(SELF), EINVAL)?;
            expect(execve("/no/such/program"), ENOENT)
        },
        status: 0,
        stdout: &["main  execve(/no/such/program) = -1 ENOENT (No such file or directory)"],
        stderr: &[],
    },
    Program {
        name: "every task ends with the snippet",
        run: || {
            let child = fork("child")?;
            let grandchild = child.run(|| fork("grandchild"))?;
            child.run(|| pthread_create("thread"))?;
            grandchild.run(|| execve(SELF))?;
            grandchild.run(|| pthread_create("another-thread"))?;
            posix_spawn("spawned")?;
            Err(Failure::new("now"))
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &[],
        stderr: &["main, line ", ": now"],
    },
];

//! The frame around snippets, and what snippets rarely do: long texts, large keyrings, failures.
//!
//! Each program here runs in its own process, as a snippet does, and is judged by what it prints and how
//! it ends. That is why these tests need their own `main`.

use keyrings::*;
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::{Command, ExitCode, Output, Termination};
use std::time::Duration;

/// A program, and what is expected of it: its exit status, and parts of what it prints.
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
    if let Some(why) = probe::Keyrings::here().explain() {
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
        name: "a task that may no longer be killed ends with the program",
        run: || {
            if needs::first_unmet(&["another user", "user namespace"]).is_some() {
                return Ok(());
            }
            let user = fork("user")?;
            user.run(|| {
                let id = unused_id();
                setresuid(id, id, id)
            })?;
            enter_user_namespace()
        },
        status: 0,
        stdout: &[],
        stderr: &[],
    },
    Program {
        name: "a failed expectation says rule, task, call, result and expectation",
        run: || {
            let child = fork("child")?;
            child.run(|| {
                expect(keyctl_get_keyring_ID(KEY_SPEC_THREAD_KEYRING, NO_CREATE), EKEYREVOKED)
            })
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["child  keyctl_get_keyring_ID(@t, 0) = -1 ENOKEY (Required key not available)"],
        stderr: &[
            "a failed expectation says rule, task, call, result and expectation is not as the rule says.",
            "child, line ",
            "keyctl_get_keyring_ID(@t, 0) failed with ENOKEY (Required key not available), but \
             EKEYREVOKED was expected",
        ],
    },
    Program {
        name: "an unexpected error says which call failed",
        run: || {
            keyctl_clear(KEY_SPEC_GROUP_KEYRING)?;
            Ok(())
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["main  keyctl_clear(@g) = -1 EINVAL (Invalid argument)"],
        stderr: &["keyctl_clear(@g) should succeed, but failed with EINVAL (Invalid argument)"],
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
        name: "orders carry values there and back, through execve too",
        run: || {
            type Values = ([u32; 3], KeySerial, String);
            fn back(values: Values) -> Checked<Values> {
                Ok(values)
            }
            let child = fork("child")?;
            let values = || ([1u32, 2, 3], KeySerial(7), "seven".to_owned());
            ensure(child.run_with(values(), back)? == values(), "through fork")?;
            child.run(|| execve(SELF))?;
            ensure(child.run_with(values(), back)? == values(), "through execve")?;
            let spawned = posix_spawn("spawned")?;
            ensure(spawned.run_with(values(), back)? == values(), "through posix_spawn")?;
            let thread = spawned.run(|| pthread_create("its-thread"))?;
            ensure(thread.run_with(values(), back)? == values(), "to a thread elsewhere")
        },
        status: 0,
        stdout: &["child    execve(self) = 0\n", "main     posix_spawn(self) = spawned\n"],
        stderr: &[],
    },
    Program {
        name: "an order carries at most 504 bytes of text",
        run: || {
            let child = fork("child")?;
            child.run_with("x".repeat(504), |text| ensure(text.len() == 504, "all of it"))?;
            let longer = child.run_with("x".repeat(505), |_| Ok::<(), Failure>(()));
            ensure(longer.is_err(), "one byte too long")?;
            child.run(|| Ok::<_, Failure>("x".repeat(505))).map(drop)
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &[],
        stderr: &["child: an order carries back at most 64 words of 64 bits"],
    },
    Program {
        name: "a task carries out one order at a time",
        run: || {
            let (child, other) = (fork("child")?, pthread_create("other")?);
            child.run_with(child, |itself| itself.run(|| Ok::<(), Failure>(()))).unwrap_err();
            other.run_with(child, |child| {
                child.run(|| succeeds(keyctl_get_keyring_ID(KEY_SPEC_THREAD_KEYRING, CREATE)))
            })
        },
        status: 0,
        stdout: &["child  keyctl_get_keyring_ID(@t, 1) = K1"],
        stderr: &[],
    },
    Program {
        name: "a file is closed once",
        run: || {
            let file = open("/dev/null")?;
            let again = file.handle();
            close(file)?;
            expect(close(again), EBADF)
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["main  open(\"/dev/null\") = file\nmain  close(file) = 0\n"],
        stderr: &["a file that is used up, or belongs to another process or program, is refused"],
    },
    Program {
        name: "a mapping and a library are released once",
        run: || {
            let page = mmap(&open("/proc/self/exe")?)?;
            let again = page.handle();
            munmap(page)?;
            expect(munmap(again), EBADF)?;
            let library = dlopen(LIBANL)?;
            let again = library.handle();
            dlclose(library)?;
            ensure(dlclose(again).is_err(), "it is unloaded")
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &[
            "main  munmap(mapping) = 0\nmain  dlopen(\"libanl.so.1\") = library\nmain  dlclose(library) = 0\n",
        ],
        stderr: &["a mapping that is used up"],
    },
    Program {
        name: "an attachment and a context are released once",
        run: || {
            let attachment = shmat(shmget()?)?;
            let again = attachment.handle();
            shmdt(attachment)?;
            expect(shmdt(again), EBADF)?;
            let context = io_setup()?;
            let again = context.handle();
            io_destroy(context)?;
            expect(io_destroy(again), EBADF)
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["main  shmdt(attachment) = 0\n", "main  io_destroy(context) = 0\n"],
        stderr: &["an attachment that is used up"],
    },
    Program {
        name: "a forked child closes its own copy of a file",
        run: || {
            let file = open("/dev/null")?;
            let child = fork("child")?;
            child.run_with(file.handle(), close)?;
            close(file).and_then(|()| open("/dev/null")).and_then(close).map_err(Failure::from)
        },
        status: 0,
        stdout: &["child  close(file) = 0\nmain   close(file) = 0\n"],
        stderr: &[],
    },
    Program {
        name: "a child that shares the memory closes its own copy of a file",
        run: || {
            let file = open("/dev/null")?;
            let theirs = file.handle();
            let mut theirs = Some(theirs);
            vfork("child", || Ok(theirs.take().map_or(Ok(()), close)?))?;
            close(file)?;
            let mut inner = None;
            vfork("another", || {
                inner = Some(open("/dev/null")?);
                Ok(())
            })?;
            ensure(inner.is_some_and(|inner| inner.number().is_err()), "not open here")
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["child    close(file) = 0\n", "main     close(file) = 0\n"],
        stderr: &["a file that is used up, or belongs to another process or program, is refused"],
    },
    Program {
        name: "a handle of another process is refused",
        run: || {
            let child = fork("child")?;
            let file = child.run(|| open("/dev/null"))?;
            expect(accept(&file).map(drop), EBADF)
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["child  open(\"/dev/null\") = file\n"],
        stderr: &["main, line ", "belongs to another process or program, is refused"],
    },
    Program {
        name: "a handle of another program is refused",
        run: || {
            let child = fork("child")?;
            let page = child.run(|| mmap(&open("/proc/self/exe")?))?;
            child.run(|| execve(SELF))?;
            child.run_with(page, |page| expect(munmap(page), EBADF))
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["child  execve(self) = 0\n"],
        stderr: &["child, line ", "a mapping that is used up"],
    },
    Program {
        name: "clone in a copy shares neither memory nor files",
        run: || {
            for flags in [CLONE_VM, CLONE_FILES, CLONE_VFORK, CLONE_VM | CLONE_SIGHAND] {
                ensure(clone(flags, "child").is_err(), "clone")?;
                ensure(clone3(flags, "child").is_err(), "clone3")?;
            }
            clone(CLONE_FILES, "child").map(drop)
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &[],
        stderr: &["CLONE_FILES in a copy of the memory: use `clone_vm`"],
    },
    Program {
        name: "a trace has an end",
        run: || {
            let payload = "x".repeat(60);
            for _ in 0..10_000 {
                add_key("user", "again", &payload, KEY_SPEC_SESSION_KEYRING)?;
            }
            Ok(())
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &[],
        stderr: &["the trace is longer than 1048576 bytes: split the snippet"],
    },
    Program {
        name: "a task that dies during an order is reported",
        run: || {
            let child = fork("child")?;
            child.run(|| -> Checked { std::process::abort() })
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["main  fork() = child"],
        stderr: &["main, line ", "child died during an order"],
    },
    Program {
        name: "a task that has ended receives no orders",
        run: || {
            let child = fork("child")?;
            child.exit()?;
            child.run(|| Ok::<(), Failure>(()))
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["child  exit(0)\nmain   waitpid(child) = child\n"],
        stderr: &["child has ended and receives no orders"],
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
        stderr: &["a task named `child` exists already"],
    },
    Program {
        name: "the main task cannot be replaced",
        run: || expect(execve(SELF), EINVAL),
        status: NOT_AS_EXPECTED as i32,
        stdout: &[],
        stderr: &["execve by the main task, which ends the snippet is refused here"],
    },
    Program {
        name: "any path can be passed to execve, except one with a NUL",
        run: || {
            for path in ["/no such/program", "", "a = b\n---\n\"+++", "é\u{1b}"] {
                expect(execve(path), ENOENT)?;
            }
            expect(execve("a\0b"), EINVAL)
        },
        status: NOT_AS_EXPECTED as i32,
        stdout: &["main  execve(\"/no such/program\") = -1 ENOENT (No such file or directory)\n"],
        stderr: &["execve of a path that contains a NUL is refused here"],
    },
    Program {
        name: "a copy of a process with several threads is refused",
        run: || {
            pthread_create("other")?;
            let started =
                program::RunningSnippet::start(|| observe("none", || Ok(())), Duration::MAX, None);
            ensure(started.is_err_and(|error| error == EBUSY), "a snippet")?;
            let ran = stage::Stage::new()?
                .run(Duration::MAX, stage::Begins::WithSession, || Ok(String::new()));
            ensure(ran.is_err_and(|error| error == EBUSY), "a program on a stage")
        },
        status: 0,
        stdout: &[],
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

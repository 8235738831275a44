//! Running a snippet in a circumstance.

use super::circumstance::{Circumstance, Stage};
use super::outcome::{
    Ended, NOT_APPLICABLE, NOT_AS_EXPECTED, Observed, set_alarm, supervised, under_supervision,
    wait,
};
use super::{handler, set_user_id};
use crate::host::needs;
use crate::sys::process::{Way, exit, fork_like};
use crate::tasks::arena::{Arena, RESUME_VARIABLE};
use crate::tasks::fail::{Checked, named};
use crate::tasks::make::{CLONE_NEWPID_AND_NS, run_again};
use crate::tasks::record::{self, record_creation};
use crate::tasks::serve::SELF;
use crate::tasks::task::adopt_orphans;
use crate::tasks::until::be_impatient;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use trace::{Outcome, Value};

/// A circumstance, and what the rule needs in it.
#[derive(Debug)]
pub(super) struct Varied {
    pub(super) circumstance: &'static Circumstance,
    pub(super) needs: &'static [&'static str],
}

/// A program of a rule that can run in any thread.
pub(super) type Program<'a> = Box<dyn FnOnce() -> Checked + Send + 'a>;

impl Varied {
    /// Sets the circumstance up; `Err` says why it does not apply to the rule here.
    fn set_up(&self) -> Result<(), String> {
        (self.circumstance.set_up)().map_err(|failure| failure.to_string())?;
        needs::forget();
        needs::first_unmet(self.needs).map_or(Ok(()), Err)
    }

    /// Runs the program of a rule in the circumstance; `conclude` judges what it returned.
    pub(super) fn run(
        &self,
        rule: &str,
        program: Program<'_>,
        conclude: &(dyn Fn(Checked) -> Observed + Sync),
    ) -> Observed {
        let Some(arena) = Arena::here() else { return not_applicable("no memory for the record") };
        let stage = self.circumstance.stage;
        let run = || match self.set_up() {
            Ok(()) if stage == Stage::Program => {
                not_applicable(&run_again(&resume_value(rule, None)))
            }
            Ok(()) if stage == Stage::SetUserId => {
                not_applicable(&set_user_id::begin(|itself| resume_value(rule, Some(itself))))
            }
            Ok(()) => {
                arena.begin_program();
                conclude(program())
            }
            Err(why) => not_applicable(&why),
        };
        match stage {
            Stage::Main | Stage::NoSession | Stage::Program | Stage::SetUserId => run(),
            Stage::Handler { assumes } => {
                let main = arena.replace_main();
                handler::run(rule, main, assumes, supervised())
                    .unwrap_or_else(|why| not_applicable(&why))
            }
            Stage::Thread => {
                let main = arena.replace_main();
                record_creation(0, "pthread_create", vec![], &Ok(()), "main");
                let body = || {
                    arena.seat_main(main);
                    run()
                };
                std::thread::scope(|scope| scope.spawn(body).join())
                    .unwrap_or_else(|_| not_applicable("the thread panicked"))
            }
            Stage::Child | Stage::FirstProcess => {
                let main = arena.replace_main();
                let way = if stage == Stage::Child {
                    record_creation(0, "fork", vec![], &Ok(()), "main");
                    Way::Fork
                } else {
                    let flags = CLONE_NEWPID_AND_NS;
                    record_creation(0, "clone", vec![flags.value()], &Ok(()), "main");
                    Way::Clone(flags.bits())
                };
                let child = fork_like(way, || {
                    arena.seat_main(main);
                    adopt_orphans();
                    set_alarm();
                    exit(run().status().into())
                });
                match child.and_then(wait) {
                    Ok(Ended::Exited(status)) => Observed::with(status.try_into().unwrap_or(1)),
                    Ok(killed) => {
                        eprintln!("the child {killed}");
                        Observed::with(NOT_AS_EXPECTED)
                    }
                    Err(errno) => not_applicable(&named(errno)),
                }
            }
        }
    }
}

fn not_applicable(why: &str) -> Observed {
    eprintln!("{why}");
    Observed::with(NOT_APPLICABLE)
}

/// The circumstance of the snippet that this process runs, if it is varied.
static VARIED: OnceLock<Varied> = OnceLock::new();

/// Creates what a circumstance requires, before the processes that share it.
pub(super) fn prepare(circumstance: &Circumstance) {
    if circumstance.stage == Stage::SetUserId {
        set_user_id::prepare();
    }
}

/// Has the snippet of this process run in a circumstance.
pub(super) fn vary(varied: Varied) {
    be_impatient(IMPATIENT);
    let _ = VARIED.set(varied);
}

/// Seconds that a varied snippet waits at most for anything.
const IMPATIENT: u64 = 5;

/// Whether the snippet of this process runs in a circumstance.
pub(super) fn is_varied() -> bool {
    varied().is_some() || is_resumed()
}

/// The circumstance that this process still has to set up.
pub(super) fn varied() -> Option<&'static Varied> {
    VARIED.get()
}

/// Whether the snippet of this process begins without a session keyring.
pub(super) fn has_no_session() -> bool {
    varied().is_some_and(|varied| varied.circumstance.stage == Stage::NoSession)
}

/// Whether the snippet goes on here after execve(2).
pub(super) fn is_resumed() -> bool {
    RESUMED.load(Ordering::Relaxed)
}

/// Has the snippet go on in this program.
pub(super) fn resume_here() {
    RESUMED.store(true, Ordering::Relaxed);
    be_impatient(IMPATIENT);
}

/// Whether the snippet of this process began in another program.
static RESUMED: AtomicBool = AtomicBool::new(false);

/// The value of [`RESUME_VARIABLE`] for a program in which this snippet goes on.
fn resume_value(rule: &str, executable: Option<i32>) -> String {
    let invitation = Arena::here().map(|arena| arena.invitation(0)).unwrap_or_default();
    let executable = executable.map_or_else(String::new, |descriptor| descriptor.to_string());
    format!("{invitation}:{}:{executable}:{rule}", supervised())
}

/// If a snippet goes on in this program after execve(2): prepares for it, and returns its rule, whose
/// snippet the caller runs.
pub fn resume() -> Option<String> {
    let value = std::env::var(RESUME_VARIABLE).ok()?;
    let mut parts = value.splitn(5, ':');
    let descriptor = parts.next()?.parse().ok()?;
    let deadline = parts.nth(1)?.parse().ok()?;
    let executable = parts.next()?;
    let rule = parts.next()?.to_owned();
    let arena = Arena::attach(descriptor).ok()?;
    arena.seat_main(0);
    under_supervision(deadline);
    resume_here();
    record::start();
    let mut args = vec![Value::word(SELF)];
    if let Ok(executable) = executable.parse() {
        args.push(Value::Uid(set_user_id::go_on(executable)));
    }
    record::record(|| record::event("execve", args, Outcome::Returned(Value::Int(0))));
    arena.begin_program();
    Some(rule)
}

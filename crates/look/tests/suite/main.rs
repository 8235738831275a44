//! Looks at programs whose keyrings the test knows. Each is this executable, started again as one of the
//! programs in `target`, so the tests need their own `main`.

mod agreement;
mod driver;
mod kinds;
mod loads;
mod refusals;
mod target;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

/// Each test with its name.
macro_rules! tests {
    ($($module:ident: $($test:ident),+;)+) => {
        vec![$($(Trial::test(concat!(stringify!($module), "::", stringify!($test)), || {
            if driver::keyrings_are_here() {
                $module::$test();
            }
            Ok(())
        }),)+)+]
    };
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if let [_, marker, program, rest @ ..] = &args[..]
        && marker == driver::PROGRAM
    {
        return target::run(program, rest);
    }
    let tests = tests! {
        kinds: threads_that_share_and_one_with_its_own, a_thread_keyring, a_file_keeps_a_dead_threads_keyring,
            a_file_of_a_living_thread_keeps_nothing_lost, the_program_before_execve, an_ended_main_thread,
            a_revoked_keyring, every_line_of_proc_keys;
        agreement: bpf_and_ptrace_agree, a_stopped_process_stays_stopped, an_ended_process_is_nothing;
        loads: a_thousand_threads, threads_go_on_correctly, signals_meanwhile, killed_askers_leave_threads_correct,
            threads_that_end_meanwhile;
        refusals: a_filter, a_tracer, vfork;
    };
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

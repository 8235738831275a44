//! A request that a program of the snippet handles, in place of request-key(8). Only in a guest.

use super::key::{KeySerial, NO_KEYRING};
use super::keyctl::request_key;
use crate::tasks::fail::{Checked, Failure};
use crate::tasks::record::{event, record};
use crate::tasks::task::Task;
use crate::tasks::upcall::await_program;
use nix::errno::Errno;
use trace::{Outcome, Value};

/// Has a task call request_key(2) with callout information, and does not wait for its end. Returns the program that the
/// kernel starts, as a task that receives orders, and the key that it is to instantiate.
///
/// The call returns after [`Task::exit`] of the program: [`requested`].
///
/// # Errors
///
/// Fails if the call returns without starting the program, or as [`Task::run`].
///
/// # References
///
/// request_key(2); `call_sbin_request_key`
#[track_caller]
pub fn upcall(
    requestor: Task,
    program: &str,
    [kind, description, callout]: [&str; 3],
    keyring: KeySerial,
) -> Checked<(Task, KeySerial)> {
    let texts = [kind, description, callout];
    let shown = texts.into_iter().map(Value::text).chain([keyring.into()]).collect();
    let begin = || {
        let [kind, description, callout] = texts.map(str::to_owned);
        requestor.start_with((kind, description, callout, keyring), |request| {
            let (kind, description, callout, keyring) = request;
            let answer = request_key(&kind, &description, Some(&callout), keyring);
            let (key, errno) =
                answer.map_or_else(|errno| (NO_KEYRING, errno as i32), |key| (key, 0));
            Ok::<_, Failure>((key, errno))
        })
    };
    let (program, key) = await_program(program, requestor, shown, begin)?;
    Ok((program, KeySerial(key)))
}

/// Waits until the request that a task began by [`upcall`] returns; what it returned.
///
/// # Errors
///
/// Fails if the task began none, or does not finish it.
#[track_caller]
pub fn requested(requestor: Task) -> Checked<Result<KeySerial, Errno>> {
    let (key, errno): (KeySerial, i32) = requestor.finish()?;
    Ok(if errno == 0 { Ok(key) } else { Err(Errno::from_raw(errno)) })
}

/// Whether that request has returned.
pub fn has_answer(requestor: Task) -> bool {
    requestor.is_over()
}

/// The last three arguments of the program that calls it, which the kernel has started: the requestor's thread, process and
/// session keyring.
///
/// # Errors
///
/// Fails if it is not such a program.
///
/// # References
///
/// request-key(8); `call_sbin_request_key`
pub fn upcall_arguments() -> Checked<[KeySerial; 3]> {
    let args: Vec<String> = std::env::args().collect();
    let numbers = args.iter().skip(2).map(|arg| arg.parse().ok());
    let numbers: Option<Vec<i32>> = numbers.collect();
    let (Some(operation), Some(&[key, uid, gid, ref keyrings @ ..])) =
        (args.get(1), numbers.as_deref())
    else {
        return Err(Failure::new("this program was not started as request-key(8)"));
    };
    let &[thread, process, session] = keyrings else {
        return Err(Failure::new("request-key(8) was started with other arguments"));
    };
    let keyrings = [thread, process, session].map(KeySerial);
    let owner = [Value::Uid(uid as u32), Value::Gid(gid as u32)];
    let first = [Value::text(operation), KeySerial(key).into()];
    let shown = first.into_iter().chain(owner).chain(keyrings.map(Value::from)).collect();
    record(|| event("argv", vec![], Outcome::Returned(Value::List(shown))));
    Ok(keyrings)
}

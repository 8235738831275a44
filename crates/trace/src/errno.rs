//! Errors by name, with their meaning.

use crate::Outcome;

/// Creates [`Errno`]: the name of each error and its meaning.
macro_rules! errnos {
    ($($name:ident => $words:literal,)*) => {
        /// An error that the rules know.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Errno {
            $(#[doc = $words] $name,)*
        }

        impl Errno {
            /// All errors that the rules know.
            pub const ALL: &[Errno] = &[$(Errno::$name,)*];

            /// The name, such as `ENOKEY`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Errno::$name => stringify!($name),)*
                }
            }

            /// What the name means.
            pub fn words(self) -> &'static str {
                match self {
                    $(Errno::$name => $words,)*
                }
            }
        }
    };
}

errnos! {
    EACCES => "Permission denied",
    EAGAIN => "Try again",
    EBADSLT => "Invalid slot",
    EBUSY => "Device or resource busy",
    EDEADLK => "Resource deadlock would occur",
    EDQUOT => "Quota exceeded",
    EEXIST => "File exists",
    EFAULT => "Bad address",
    EINVAL => "Invalid argument",
    EKEYEXPIRED => "Key has expired",
    EKEYREJECTED => "Key was rejected by service",
    EKEYREVOKED => "Key has been revoked",
    ELOOP => "Too many symbolic links encountered",
    ENODEV => "No such device",
    ENOENT => "No such file or directory",
    ENOEXEC => "Exec format error",
    ENOKEY => "Required key not available",
    ENOTDIR => "Not a directory",
    EOPNOTSUPP => "Operation not supported on transport endpoint",
    EPERM => "Operation not permitted",
}

/// An error that is not in [`Errno`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherErrno {
    name: String,
    pub(crate) words: String,
}

impl Outcome {
    /// A failure with the error of this name; `words` is its meaning, and used only if [`Errno`]
    /// doesn't list the error.
    ///
    /// A name has letters, digits and `_`, and begins with a capital letter. Other characters are
    /// left out, and `E` is put before a name that begins otherwise.
    pub fn failed(name: &str, words: &str) -> Outcome {
        let mut name = name.to_owned();
        name.retain(|c| c.is_ascii_alphanumeric() || c == '_');
        if !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            name.insert(0, 'E');
        }
        match Errno::ALL.iter().find(|errno| errno.name() == name) {
            Some(errno) => Outcome::Failed(*errno),
            None => Outcome::FailedOtherwise(OtherErrno { name, words: words.to_owned() }),
        }
    }

    /// The name of the error, if the call failed.
    pub fn errno_name(&self) -> Option<&str> {
        match self {
            Outcome::Failed(errno) => Some(errno.name()),
            Outcome::FailedOtherwise(other) => Some(&other.name),
            Outcome::Nothing | Outcome::Returned(_) => None,
        }
    }
}

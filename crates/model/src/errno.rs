//! Errors by name, with their meaning in words.

/// What an error means, as the C library says it.
pub(crate) fn words(errno: &str) -> &'static str {
    match errno {
        "EACCES" => "Permission denied",
        "EDEADLK" => "Resource deadlock would occur",
        "EDQUOT" => "Quota exceeded",
        "EEXIST" => "File exists",
        "EFAULT" => "Bad address",
        "EINVAL" => "Invalid argument",
        "EKEYEXPIRED" => "Key has expired",
        "EKEYREJECTED" => "Key was rejected by service",
        "EKEYREVOKED" => "Key has been revoked",
        "ELOOP" => "Too many symbolic links encountered",
        "ENODEV" => "No such device",
        "ENOENT" => "No such file or directory",
        "ENOEXEC" => "Exec format error",
        "ENOKEY" => "Required key not available",
        "ENOTDIR" => "Not a directory",
        "EOPNOTSUPP" => "Operation not supported on transport endpoint",
        "EPERM" => "Operation not permitted",
        _ => "an error",
    }
}

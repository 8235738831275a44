//! The kernel's type information (BTF): where members of its structures are.
//!
//! # References
//!
//! Documentation/bpf/btf.rst; `struct btf_header`, `struct btf_type`

use std::fmt;

/// Where the running kernel shows its types.
pub(crate) const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xeb9f;
const PTR: u32 = 2;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const FUNC: u32 = 12;

/// How deep unnamed structures are searched, and how many pointers and qualifiers lead to a structure at most. A kernel has
/// fewer; the limit ends a circle in damaged data.
const DEPTH: u32 = 16;

/// Why types cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// They have another form than this module reads; what is wrong.
    Form(&'static str),
    /// A type or member is missing, or is not what it was.
    Absent(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Form(what) => write!(f, "the kernel's types cannot be read: {what}"),
            Error::Absent(what) => write!(f, "the kernel's types lack {what}"),
        }
    }
}

/// All types of a kernel.
pub(crate) struct Btf {
    data: Vec<u8>,
    /// Where the strings begin.
    strings: usize,
    /// Where each type begins, by its id; the first has the id 1.
    types: Vec<usize>,
}

/// The head of a type.
#[derive(Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    /// The number of members.
    count: usize,
    /// Whether offsets of members share their word with the size of a bit field.
    packed: bool,
    /// The size, or the type that this one refers to.
    refers_to: u32,
    /// Where the members begin.
    members: usize,
}

impl Btf {
    pub(crate) fn parse(data: Vec<u8>) -> Result<Btf, Error> {
        let truncated = || Error::Form("they are truncated");
        let word = |at| word(&data, at).ok_or_else(truncated);
        if data.get(..2) != Some(&MAGIC.to_ne_bytes()) {
            return Err(Error::Form("they do not begin with the number of BTF"));
        }
        let header = word(4)? as usize;
        let first = header.saturating_add(word(8)? as usize);
        let end = first.saturating_add(word(12)? as usize);
        let strings = header.saturating_add(word(16)? as usize);
        let mut btf = Btf { data, strings, types: vec![0] };
        let mut at = first;
        while at < end {
            let head = btf.head(at).ok_or_else(truncated)?;
            let members = match head.kind {
                1 | 14 | 17 => 4,
                3 => 12,
                STRUCT | UNION | 15 | 19 => 12 * head.count,
                6 | 13 => 8 * head.count,
                PTR | 7..=FUNC | 16 | 18 => 0,
                _ => return Err(Error::Form("they have a kind that this program does not know")),
            };
            btf.types.push(at);
            at = head.members + members;
        }
        if at == end && end <= btf.data.len() { Ok(btf) } else { Err(truncated()) }
    }

    /// The id of a function.
    pub(crate) fn function(&self, name: &str) -> Result<u32, Error> {
        self.named(FUNC, name).ok_or_else(|| Error::Absent(format!("the function {name}")))
    }

    /// Offsets in bytes that lead from a structure through pointers to a member: for `task_struct` and
    /// `["cred", "user", "uid"]`, the offsets of `cred` in a task, `user` in credentials and `uid` in a user.
    pub(crate) fn path(&self, structure: &str, members: &[&str]) -> Result<Vec<i16>, Error> {
        let absent = |what: &str| Error::Absent(format!("{what} of struct {structure}"));
        let mut id = self.named(STRUCT, structure).ok_or_else(|| absent("the definition"))?;
        let mut offsets = Vec::with_capacity(members.len());
        for member in members {
            let (bits, member_type) =
                self.member(self.target(id), member, DEPTH).ok_or_else(|| absent(member))?;
            offsets.push(i16::try_from(bits / 8).map_err(|_| absent(member))?);
            id = member_type;
        }
        Ok(offsets)
    }

    /// The structure to which a type leads through pointers, qualifiers and names.
    fn target(&self, mut id: u32) -> u32 {
        for _ in 0..DEPTH {
            match self.of(id) {
                Some(Type { kind: PTR | 8..=11 | 18, refers_to, .. }) => id = refers_to,
                _ => break,
            }
        }
        id
    }

    /// The offset in bits and the type of a member, which may be in an unnamed structure or union.
    fn member(&self, id: u32, name: &str, depth: u32) -> Option<(u32, u32)> {
        let Some(outer @ Type { kind: STRUCT | UNION, .. }) = self.of(id) else { return None };
        for nth in 0..outer.count {
            let at = outer.members + 12 * nth;
            let (its_name, its_type, offset) =
                (word(&self.data, at)?, word(&self.data, at + 4)?, word(&self.data, at + 8)?);
            let offset = if outer.packed { offset & 0xff_ffff } else { offset };
            if self.is_named(its_name, name) {
                return Some((offset, its_type));
            }
            if self.is_named(its_name, "")
                && depth > 0
                && let Some((inner, found)) = self.member(its_type, name, depth - 1)
            {
                return Some((offset.checked_add(inner)?, found));
            }
        }
        None
    }

    fn named(&self, kind: u32, name: &str) -> Option<u32> {
        let mut ids = 1..self.types.len() as u32;
        ids.find(|id| {
            self.of(*id).is_some_and(|it| it.kind == kind && self.is_named(it.name, name))
        })
    }

    fn is_named(&self, offset: u32, name: &str) -> bool {
        let text = self.data.get(self.strings.saturating_add(offset as usize)..);
        text.and_then(|text| text.strip_prefix(name.as_bytes()))
            .is_some_and(|rest| rest.first() == Some(&0))
    }

    fn of(&self, id: u32) -> Option<Type> {
        self.types.get(id as usize).filter(|_| id > 0).and_then(|at| self.head(*at))
    }

    fn head(&self, at: usize) -> Option<Type> {
        let info = word(&self.data, at.checked_add(4)?)?;
        Some(Type {
            name: word(&self.data, at)?,
            kind: info >> 24 & 0x1f,
            count: (info & 0xffff) as usize,
            packed: info >> 31 == 1,
            refers_to: word(&self.data, at + 8)?,
            members: at + 12,
        })
    }
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Btf, Error};

    /// `struct task { int pad; struct { const struct user *user; }; }`, `struct user { int uid; }` and `int read()`.
    fn small() -> Vec<u8> {
        let strings = b"\0task\0user\0uid\0read\0int\0pad\0";
        let name = |wanted: &str| {
            let mut at = 0;
            for text in strings.split(|byte| *byte == 0) {
                if text == wanted.as_bytes() {
                    return at;
                }
                at += text.len() as u32 + 1;
            }
            panic!("{wanted} is no string");
        };
        let info = |kind: u32, count: u32| kind << 24 | count;
        let types = [
            // 1: int
            vec![name("int"), info(1, 0), 4, 32],
            // 2: struct task
            vec![name("task"), info(4, 2), 16, name("pad"), 1, 0, 0, 3, 64],
            // 3: the unnamed structure in it
            vec![0, info(4, 1), 8, name("user"), 4, 0],
            // 4: a pointer to 5: const 6: struct user
            vec![0, info(2, 0), 5],
            vec![0, info(10, 0), 6],
            vec![name("user"), info(4, 1), 8, name("uid"), 1, 32],
            // 7: the function
            vec![name("read"), info(12, 0), 1],
        ];
        let types: Vec<u8> = types.concat().iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut data = super::MAGIC.to_ne_bytes().to_vec();
        data.extend([1, 0]);
        for word in [24, 0, types.len() as u32, types.len() as u32, strings.len() as u32] {
            data.extend(word.to_ne_bytes());
        }
        data.extend(types);
        data.extend(strings);
        data
    }

    #[test]
    fn paths_lead_through_pointers_and_unnamed_structures() {
        let btf = Btf::parse(small()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(btf.path("task", &["user", "uid"]), Ok(vec![8, 4]));
        assert_eq!(btf.function("read"), Ok(7));
        let absent = |what: &str| Err(Error::Absent(what.to_owned()));
        assert_eq!(btf.path("task", &["user", "gid"]), absent("gid of struct task"));
        assert_eq!(btf.path("file", &["f_cred"]), absent("the definition of struct file"));
        assert_eq!(
            btf.function("write").err().map(|it| it.to_string()).as_deref(),
            Some("the kernel's types lack the function write")
        );
    }

    #[test]
    fn damaged_types_are_refused_or_lack_something() {
        let whole = small();
        for length in 0..whole.len() {
            if let Ok(btf) = Btf::parse(whole[..length].to_vec()) {
                assert!(btf.function("nothing").is_err());
            }
        }
        for at in (0..whole.len() - 4).step_by(4) {
            for value in [0, 5, u32::MAX, 3 << 24 | 0xffff, 1 << 31] {
                let mut damaged = whole.clone();
                damaged[at..at + 4].copy_from_slice(&u32::to_ne_bytes(value));
                if let Ok(btf) = Btf::parse(damaged) {
                    // No answer is expected: there is one, or an error.
                    let _ = (btf.path("task", &["user", "uid"]), btf.function("read"));
                }
            }
        }
        let mut unknown = whole;
        unknown[31] = 31;
        let error = Btf::parse(unknown).err();
        assert_eq!(error, Some(Error::Form("they have a kind that this program does not know")));
    }
}

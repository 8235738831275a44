//! Arguments of operations: plain numbers, whose meaning depends on their [`Slot`].

use keyrings::{Parcel, Plain};
use std::str::FromStr;

/// The number of a key in a program: -1 to -8 as in the system calls, 0 for no key, and n for the nth
/// distinct key that a call returned, modulo the number of keys known so far.
pub(crate) mod key {
    pub(crate) const THREAD: i32 = -1;
    pub(crate) const PROCESS: i32 = -2;
    pub(crate) const SESSION: i32 = -3;
    pub(crate) const NONE: i32 = 0;
    pub(crate) const USER: i32 = -4;
    pub(crate) const USER_SESSION: i32 = -5;
    pub(crate) const GROUP: i32 = -6;
    pub(crate) const AUTHORITY: i32 = -7;
    pub(crate) const REQUESTOR: i32 = -8;
}

/// The type of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyType {
    User,
    Keyring,
}

/// User and group ids, as the words of [`Slot::Owner`] number them.
pub(crate) mod id {
    /// The real id with which the program begins.
    pub(crate) const OWN: i32 = 0;
    /// -1: no change.
    pub(crate) const NO_CHANGE: i32 = 1;
    /// An id that nobody else uses: [`keyrings::unused_id`] in the main task.
    pub(crate) const OTHER: i32 = 2;
}

/// No descriptor.
pub(crate) const NO_PIPE: i32 = -1;

/// The ids of a program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    user: u32,
    group: u32,
    /// [`id::OTHER`], a user and a group.
    other: u32,
    /// The descriptor of the notification pipe, or -1.
    pub(crate) pipe: i32,
}

impl Ids {
    /// Those of a program that begins in the calling task.
    pub(crate) fn here() -> Ids {
        Ids {
            user: keyrings::getuid(),
            group: keyrings::getgid(),
            other: keyrings::unused_id(),
            pipe: NO_PIPE,
        }
    }

    /// The user with this number.
    pub(crate) fn user(self, number: i32) -> u32 {
        self.of(number, self.user)
    }

    /// The group with this number.
    pub(crate) fn group(self, number: i32) -> u32 {
        self.of(number, self.group)
    }

    fn of(self, number: i32, own: u32) -> u32 {
        match number {
            id::OWN => own,
            id::OTHER => self.other,
            _ => keyrings::NO_CHANGE,
        }
    }

    /// The supplementary groups with this number.
    pub(crate) fn groups(self, number: i32) -> Vec<u32> {
        if number == id::NO_CHANGE { vec![] } else { vec![self.group(number)] }
    }

    /// The name of a session keyring, which no other program uses.
    pub(crate) fn session(self, number: i32) -> String {
        format!("{}-{}", Slot::Session.word(number), self.other)
    }
}

impl Plain for Ids {
    fn pack(self, parcel: &mut Parcel) {
        ([self.user, self.group, self.other], self.pipe).pack(parcel);
    }

    fn unpack(parcel: &mut Parcel) -> Option<Ids> {
        let ([user, group, other], pipe) = Plain::unpack(parcel)?;
        Some(Ids { user, group, other, pipe })
    }
}

/// What an operation expects as one of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A key or keyring: in a program by its number of [`key`], in a call by its serial number.
    Key,
    /// A keyring for links, often the session keyring.
    Ring,
    /// A keyring that may be left out.
    Destination,
    /// A key that a call returned: `/proc/keys` lists keys by serial number only.
    Returned,
    Create,
    /// Those of `keyctl_move`.
    Flags,
    Type,
    /// The description of a key.
    Name,
    Mask,
    Seconds,
    /// The default destination of request_key, by its number.
    Reqkey,
    /// A user and a group.
    Owner,
    Uid,
    Gid,
    /// Supplementary groups.
    Groups,
    /// The name of a session keyring.
    Session,
    /// The length of a buffer, in bytes.
    Size,
    /// The number of a watch.
    Watch,
    /// A type that may not exist.
    AnyType,
    /// The same, or none at all.
    OddType,
    OddName,
    OddPayload,
}

/// The keys with a name, from 0 down.
const KEYS: &[(&str, &str)] = &[
    ("0", "NO_KEYRING"),
    ("@t", "KEY_SPEC_THREAD_KEYRING"),
    ("@p", "KEY_SPEC_PROCESS_KEYRING"),
    ("@s", "KEY_SPEC_SESSION_KEYRING"),
    ("@u", "KEY_SPEC_USER_KEYRING"),
    ("@us", "KEY_SPEC_USER_SESSION_KEYRING"),
    ("@g", "KEY_SPEC_GROUP_KEYRING"),
    ("@a", "KEY_SPEC_REQKEY_AUTH_KEY"),
    ("KEY_SPEC_REQUESTOR_KEYRING", "KEY_SPEC_REQUESTOR_KEYRING"),
];

fn key_word(number: i32) -> (&'static str, &'static str) {
    KEYS.get(number.unsigned_abs() as usize).copied().unwrap_or(("?", "?"))
}

impl Slot {
    pub(crate) fn is_key(self) -> bool {
        matches!(self, Slot::Key | Slot::Ring | Slot::Destination | Slot::Returned)
    }

    /// The values of an argument that has few: in the text of a program, and in a snippet. Few
    /// descriptions collide, with each other and with those that the kernel gives to its keyrings.
    pub(crate) fn words(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Slot::Create => &[("0", "NO_CREATE"), ("1", "CREATE")],
            Slot::Flags => &[("0", "0"), ("1", "KEYCTL_MOVE_EXCL"), ("2", "2")],
            Slot::Type => {
                &[("user", "\"user\""), ("keyring", "\"keyring\""), ("logon", "\"logon\"")]
            }
            Slot::Name => &[
                ("a", "\"a\""),
                ("b", "\"b\""),
                ("_tid", "\"_tid\""),
                ("_pid", "\"_pid\""),
                ("a:b", "\"a:b\""),
            ],
            Slot::Owner => {
                &[("own", "uid, gid"), ("-1", "NO_CHANGE, NO_CHANGE"), ("other", "other, other")]
            }
            Slot::Uid => &[("own", "uid"), ("-1", "NO_CHANGE"), ("other", "other")],
            Slot::Gid => &[("own", "gid"), ("-1", "NO_CHANGE"), ("other", "other")],
            Slot::Groups => &[("own", "&[gid]"), ("none", "&[]"), ("other", "&[other]")],
            Slot::Session => &[
                ("s1", "Some(&[\"s1-\", &other.to_string()].concat())"),
                ("s2", "Some(&[\"s2-\", &other.to_string()].concat())"),
            ],
            Slot::Size => &[("0", "0"), ("1", "1"), ("4", "4"), ("7", "7"), ("64", "64")],
            Slot::Watch => {
                &[("1", "1"), ("255", "255"), ("-1", "-1"), ("256", "256"), ("-2", "-2")]
            }
            Slot::AnyType => &[
                ("user", "\"user\""),
                ("keyring", "\"keyring\""),
                ("nosuch", "\"nosuch\""),
                (".dot", "\".dot\""),
            ],
            Slot::OddType => &[
                ("user", "Some(\"user\")"),
                ("keyring", "Some(\"keyring\")"),
                ("nosuch", "Some(\"nosuch\")"),
                (".dot", "Some(\".dot\")"),
                ("NULL", "None"),
                ("empty", "Some(\"\")"),
            ],
            Slot::OddName => &[
                ("a", "Some(\"a\")"),
                (".dot", "Some(\".dot\")"),
                ("NULL", "None"),
                ("empty", "Some(\"\")"),
            ],
            Slot::OddPayload => &[
                ("payload", "Some(&b\"payload\"[..])"),
                ("NULL", "None"),
                ("empty", "Some(&b\"\"[..])"),
            ],
            _ => &[],
        }
    }

    /// Whether a number is a value.
    pub(crate) fn accepts(self, number: i32) -> bool {
        match self {
            Slot::Reqkey => i8::try_from(number).is_ok(),
            Slot::Mask | Slot::Seconds => true,
            slot => slot.is_key() || (0..slot.words().len() as i32).contains(&number),
        }
    }

    /// The word for a number, which the slot accepts.
    pub(crate) fn word(self, number: i32) -> &'static str {
        self.words()[number as usize].0
    }

    /// The number that a word of [`Slot::Size`] or [`Slot::Watch`] is.
    pub(crate) fn parsed<N: FromStr + Default>(self, number: i32) -> N {
        self.word(number).parse().unwrap_or_default()
    }

    /// The text that a word stands for; `None` for NULL.
    pub(crate) fn text_or_null(self, number: i32) -> Option<&'static str> {
        match self.word(number) {
            "NULL" => None,
            "empty" => Some(""),
            text => Some(text),
        }
    }

    /// The argument in the text of a program.
    pub(crate) fn text(self, number: i32) -> String {
        match self {
            Slot::Mask => format!("{number:#x}"),
            Slot::Seconds => number.cast_unsigned().to_string(),
            Slot::Reqkey => number.to_string(),
            slot if !slot.is_key() => slot.word(number).to_owned(),
            _ if number > 0 => format!("K{number}"),
            _ => key_word(number).0.to_owned(),
        }
    }

    /// The inverse of `text`.
    ///
    /// # Errors
    ///
    /// If the text is not a value: what is expected.
    pub(crate) fn parse(self, text: &str) -> Result<i32, String> {
        let find = |words: &[(&str, &str)]| words.iter().position(|(word, _)| *word == text);
        let (number, expected) = match self {
            Slot::Mask => {
                let digits = text.strip_prefix("0x");
                let mask = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                (mask.map(u32::cast_signed), "a mask such as 0x3f010000".to_owned())
            }
            Slot::Seconds => {
                let seconds = text.parse().ok();
                (seconds.map(u32::cast_signed), "a number of seconds".to_owned())
            }
            Slot::Reqkey => {
                let number = text.parse::<i8>().ok();
                (number.map(i32::from), "a number from -128 to 127".to_owned())
            }
            slot if !slot.is_key() => {
                let words: Vec<&str> = slot.words().iter().map(|(word, _)| *word).collect();
                let number = find(slot.words()).map(|place| place as i32);
                (number, format!("one of {}", words.join(", ")))
            }
            _ => {
                let nth = text.strip_prefix('K').and_then(|nth| nth.parse::<u8>().ok());
                let nth = nth.filter(|nth| *nth > 0).map(i32::from);
                let number = nth.or_else(|| find(KEYS).map(|place| -(place as i32)));
                (number, "a key: @t, @p, @s, @u, @us, 0 (no key), K1, K2, …".to_owned())
            }
        };
        number.ok_or_else(|| format!("`{text}` is not {expected}"))
    }

    /// The argument in a snippet.
    pub(crate) fn rust(self, number: i32) -> String {
        match self {
            Slot::Mask => {
                let mask = number.cast_unsigned();
                format!("0x{:04x}_{:04x}", mask >> 16, mask & 0xffff)
            }
            Slot::Seconds => self.text(number),
            Slot::Reqkey => {
                let place = usize::try_from(number + 1).ok();
                let name = place.and_then(|place| trace::REQKEY_DEFAULTS.get(place));
                name.map_or(number.to_string(), |name| (*name).to_owned())
            }
            slot if !slot.is_key() => slot.words()[number as usize].1.to_owned(),
            _ if number > 0 => format!("k{number}"),
            _ => key_word(number).1.to_owned(),
        }
    }
}

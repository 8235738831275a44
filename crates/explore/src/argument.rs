//! Arguments of operations: plain numbers, whose meaning depends on their [`Slot`].

/// The number of a key in a program: -1 to -3 as in the system calls, 0 for no key, and n for the nth
/// distinct key that a call returned, modulo the number of keys known so far.
pub(crate) mod key {
    pub(crate) const THREAD: i32 = -1;
    pub(crate) const PROCESS: i32 = -2;
    pub(crate) const SESSION: i32 = -3;
    pub(crate) const NONE: i32 = 0;
}

/// The type of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyType {
    User,
    Keyring,
}

/// User and group ids, as the words of [`Slot::Owner`] number them.
pub(crate) mod id {
    /// The caller's real id.
    pub(crate) const OWN: i32 = 0;
    /// -1: no change.
    pub(crate) const NO_CHANGE: i32 = 1;
    /// An id that nobody else uses: [`keyrings::unused_id`] in the main task.
    pub(crate) const OTHER: i32 = 2;

    /// The id with this number.
    pub(crate) fn of(number: i32, own: u32, other: u32) -> u32 {
        match number {
            OWN => own,
            OTHER => other,
            _ => keyrings::NO_CHANGE,
        }
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
    Exclusive,
    Type,
    /// The description of a key.
    Name,
    Mask,
    Seconds,
    /// The default destination of request_key, by its number.
    Reqkey,
    /// A user and a group.
    Owner,
    EffectiveId,
}

/// The keys with a name, from 0 down.
const KEYS: &[(&str, &str)] = &[
    ("0", "NO_KEYRING"),
    ("@t", "KEY_SPEC_THREAD_KEYRING"),
    ("@p", "KEY_SPEC_PROCESS_KEYRING"),
    ("@s", "KEY_SPEC_SESSION_KEYRING"),
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
            Slot::Exclusive => &[("0", "0"), ("1", "KEYCTL_MOVE_EXCL")],
            Slot::Type => &[("user", "\"user\""), ("keyring", "\"keyring\"")],
            Slot::Name => {
                &[("a", "\"a\""), ("b", "\"b\""), ("_tid", "\"_tid\""), ("_pid", "\"_pid\"")]
            }
            Slot::Owner => &[
                ("own", "getuid(), getgid()"),
                ("-1", "NO_CHANGE, NO_CHANGE"),
                ("other", "other, other"),
            ],
            Slot::EffectiveId => &[("own", "getuid()"), ("-1", "NO_CHANGE"), ("other", "other")],
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
                (number, "a key: @t, @p, @s, 0 (no key), K1, K2, …".to_owned())
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

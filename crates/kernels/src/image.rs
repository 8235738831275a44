//! Kernel images: their format, version and name.

use std::path::Path;

use elf::ElfBytes;
use elf::endian::LittleEndian;
use elf::note::Note;
use memchr::memmem;

use crate::{Architecture, Error};

/// The format of a kernel image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFormat {
    /// The compressed kernel that x86 boot loaders load.
    BzImage,
    /// An ELF kernel with a PVH entry point, which QEMU can boot.
    Pvh,
    /// User Mode Linux.
    Uml,
    /// The image of another architecture, which QEMU copies into memory as it is.
    Raw(Architecture),
}

/// Bytes by which the images of other architectures are known, and where they are.
const MAGIC: [(usize, &[u8], Architecture); 3] = [
    (0x38, b"ARM\x64", Architecture::Aarch64),
    (0x38, b"RSC\x05", Architecture::Riscv64),
    (0x10008, b"S390EP", Architecture::S390x),
];

/// A kernel's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// The release, as printed by `uname -r`.
    pub release: String,
    /// A name for people. For a Debian kernel it is the upstream version, because several kernels
    /// have the same release.
    pub name: String,
}

/// Returns the format of an image, or why it is not a kernel.
pub fn format(image: &[u8]) -> Result<ImageFormat, &'static str> {
    if is_bzimage(image) {
        return Ok(ImageFormat::BzImage);
    }
    for (at, magic, architecture) in MAGIC {
        if image.get(at..).is_some_and(|rest| rest.starts_with(magic)) {
            return Ok(ImageFormat::Raw(architecture));
        }
    }
    let Ok(elf) = ElfBytes::<LittleEndian>::minimal_parse(image) else {
        return Err("it has no format of a kernel that is known here");
    };
    if elf.ehdr.e_machine != elf::abi::EM_X86_64 {
        Err("it is not for x86-64")
    } else if has_pvh_entry(&elf) {
        Ok(ImageFormat::Pvh)
    } else if is_uml(&elf) {
        Ok(ImageFormat::Uml)
    } else if banner(image, ImageFormat::Pvh).is_some() {
        Err("it was built without CONFIG_PVH, so only its bzImage can be booted")
    } else {
        Err("it is an ELF file, but not a kernel")
    }
}

/// Whether an image has the header of the x86 boot protocol.
fn is_bzimage(image: &[u8]) -> bool {
    image.get(0x1fe..0x200) == Some(&[0x55, 0xaa]) && image.get(0x202..0x206) == Some(b"HdrS")
}

/// Whether an ELF kernel has the note with its 32-bit entry point.
fn has_pvh_entry(elf: &ElfBytes<LittleEndian>) -> bool {
    /// `XEN_ELFNOTE_PHYS32_ENTRY`.
    const ENTRY: u64 = 18;
    elf.segments()
        .into_iter()
        .flatten()
        .filter(|segment| segment.p_type == elf::abi::PT_NOTE)
        .filter_map(|segment| elf.segment_data_as_notes(&segment).ok())
        .flatten()
        .any(|note| matches!(note, Note::Unknown(n) if n.n_type == ENTRY && n.name_str().is_ok_and(|name| name == "Xen")))
}

/// Whether an ELF file has a section that only User Mode Linux has. Text would not do: this program
/// contains the same text.
fn is_uml(elf: &ElfBytes<LittleEndian>) -> bool {
    matches!(elf.section_header_by_name(".uml.setup.init"), Ok(Some(_)))
}

/// Returns the version of an image of this format.
pub fn banner(image: &[u8], format: ImageFormat) -> Option<Banner> {
    let text = match format {
        // The boot header holds the offset of the version string.
        ImageFormat::BzImage => {
            let offset = image.get(0x20e..)?.first_chunk().copied().map(u16::from_le_bytes)?;
            image.get(usize::from(offset) + 0x200..)?
        }
        // The head of this image holds the address of the version string, which is also its offset.
        ImageFormat::Raw(Architecture::S390x) => {
            let offset = image.get(0x10428..)?.first_chunk().copied().map(u64::from_be_bytes)?;
            image.get(usize::try_from(offset).ok()?..)?
        }
        ImageFormat::Pvh | ImageFormat::Uml | ImageFormat::Raw(_) => {
            const START: &[u8] = b"Linux version ";
            let is = |at: &usize| image.get(at + START.len()).is_some_and(u8::is_ascii_digit);
            let at = memmem::find_iter(image, START).find(is)?;
            &image[at + START.len()..]
        }
    };
    // No banner is this long. It ends with NUL or a line feed.
    let text = &text[..text.len().min(1024)];
    let text = text.split(|byte| matches!(byte, 0 | b'\n')).next()?;
    let text = str::from_utf8(text).ok()?;
    let release = clean(text.split(' ').next()?);

    let debian = text.rsplit_once(" Debian ").and_then(|(_, rest)| {
        let (upstream, _) = rest.split(' ').next()?.rsplit_once('-')?;
        Some(upstream.split_once('-').map_or(upstream, |(version, _)| version))
    });
    // Kernels for x86-64 came first, and have the short names.
    let suffix = match format {
        ImageFormat::Raw(architecture) => format!("-{}", architecture.name()),
        ImageFormat::BzImage | ImageFormat::Pvh | ImageFormat::Uml => String::new(),
    };
    let name = match debian {
        Some(version) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            let flavor = ["-cloud", "-rt"].into_iter().find(|f| release.contains(&format!("{f}-")));
            format!("{}-debian{}{suffix}", clean(version), flavor.unwrap_or(""))
        }
        _ if format == ImageFormat::Uml => format!("{release}-uml"),
        _ => format!("{release}{suffix}"),
    };
    (!release.is_empty()).then_some(Banner { release, name })
}

/// Replaces every character that is not valid in a kernel's name.
pub fn clean(name: &str) -> String {
    let valid = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    name.chars().map(|c| if valid(c) { c } else { '-' }).collect()
}

/// Returns the error for a file that is not a kernel.
pub fn refused(image: &Path, why: &str) -> Error {
    Error::new(
        format!("{} cannot be booted: {why}", image.display()),
        "name a vmlinuz, bzImage or vmlinux for x86-64, an uncompressed Image for aarch64 or riscv64, a bzImage for \
         s390x, a Debian package with one of these, or linux.uml",
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A bzImage with this version string and nothing to boot.
    pub fn bzimage(version: &str) -> Vec<u8> {
        let mut image = vec![0; 6 * 512];
        image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
        image[0x300..0x300 + version.len()].copy_from_slice(version.as_bytes());
        image
    }

    #[test]
    fn a_kernel_is_named_by_its_banner() {
        let name = |version: &str| {
            let Banner { release, name } =
                banner(&bzimage(version), ImageFormat::BzImage).expect("a banner");
            format!("{release} {name}")
        };
        let debian =
            "6.1.0-56-cloud-amd64 (a@b) #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)";
        assert_eq!(name(debian), "6.1.0-56-cloud-amd64 6.1.192-debian-cloud");
        let candidate = "7.3-amd64 (a@b) #1 SMP Debian 7.3~rc7-1~exp1 (2026-11-01)";
        assert_eq!(name(candidate), "7.3-amd64 7.3-rc7-debian");
        assert_eq!(name("7.3.0-rc1+ (me@here) #3 SMP"), "7.3.0-rc1+ 7.3.0-rc1+");

        let elf = b"\x7fELF..Linux version %s (x)\0Linux version 6.6.1 (me@here) (gcc) #1\n\0";
        assert_eq!(banner(elf, ImageFormat::Pvh).map(|b| b.name), Some("6.6.1".into()));
        assert_eq!(banner(elf, ImageFormat::Uml).map(|b| b.name), Some("6.6.1-uml".into()));
        assert_eq!(banner(b"nothing", ImageFormat::Pvh), None);
    }

    #[test]
    fn a_truncated_image_is_refused() {
        let image = bzimage("6.1.0");
        assert_eq!(format(&image), Ok(ImageFormat::BzImage));
        for len in [0, 0x1ff, 0x205] {
            assert!(format(&image[..len]).is_err(), "{len}");
        }
        for len in [0x206, 0x20f, 0x300] {
            assert_eq!(banner(&image[..len], ImageFormat::BzImage), None, "{len}");
        }
    }
}

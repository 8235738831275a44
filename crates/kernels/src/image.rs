//! Kernel images: what they are, what they are called, and the ELF kernel inside a bzImage.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use elf::ElfBytes;
use elf::endian::LittleEndian;
use elf::note::Note;
use memchr::memmem;

use crate::{Error, cache, open_file};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The packed kernel of an x86 boot loader.
    BzImage,
    /// An ELF kernel QEMU can start at once.
    Pvh,
    /// User Mode Linux.
    Uml,
}

/// What a kernel says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// As in `uname -r`.
    pub release: String,
    /// What to call it: of a Debian kernel the upstream version, for which its release is too
    /// coarse.
    pub name: String,
}

/// What the bytes of a file are, or why they are no kernel.
pub fn kind(image: &[u8]) -> Result<Kind, &'static str> {
    if header(image).is_some() {
        return Ok(Kind::BzImage);
    }
    let Ok(elf) = ElfBytes::<LittleEndian>::minimal_parse(image) else {
        return Err("it is neither a bzImage nor an ELF file for a little-endian machine");
    };
    if elf.ehdr.e_machine != elf::abi::EM_X86_64 {
        Err("it is not for x86-64")
    } else if pvh(&elf) {
        Ok(Kind::Pvh)
    } else if uml(&elf) {
        Ok(Kind::Uml)
    } else if banner(image, Kind::Pvh).is_some() {
        Err("it was built without CONFIG_PVH, so that only its bzImage can be started")
    } else {
        Err("it is an ELF file, but not a kernel")
    }
}

/// Whether an ELF kernel has the note that names its 32-bit entry.
fn pvh(elf: &ElfBytes<LittleEndian>) -> bool {
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

/// Whether an ELF file has a section that User Mode Linux alone is linked with: its text is in this
/// program too.
fn uml(elf: &ElfBytes<LittleEndian>) -> bool {
    matches!(elf.section_header_by_name(".uml.setup.init"), Ok(Some(_)))
}

/// What a kernel image, of this kind, says of itself.
pub fn banner(image: &[u8], kind: Kind) -> Option<Banner> {
    let text = match kind {
        // A pointer to it, from the end of the boot sector.
        Kind::BzImage => {
            image.get(usize::from(u16::from_le_bytes(*bytes(image, 0x20e)?)) + 0x200..)?
        }
        Kind::Pvh | Kind::Uml => {
            const START: &[u8] = b"Linux version ";
            let is = |at: &usize| image.get(at + START.len()).is_some_and(u8::is_ascii_digit);
            let at = memmem::find_iter(image, START).find(is)?;
            &image[at + START.len()..]
        }
    };
    // Longer than any; a banner ends with a NUL or a line feed.
    let text = &text[..text.len().min(1024)];
    let text = text.split(|byte| matches!(byte, 0 | b'\n')).next()?;
    let text = str::from_utf8(text).ok()?;
    let release = clean(text.split(' ').next()?);

    let debian = text.rsplit_once(" Debian ").and_then(|(_, rest)| {
        let (upstream, _) = rest.split(' ').next()?.rsplit_once('-')?;
        Some(upstream.split_once('-').map_or(upstream, |(version, _)| version))
    });
    let name = match debian {
        Some(version) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            let flavour =
                ["-cloud", "-rt"].into_iter().find(|f| release.contains(&format!("{f}-")));
            format!("{}-debian{}", clean(version), flavour.unwrap_or(""))
        }
        _ if kind == Kind::Uml => format!("{release}-uml"),
        _ => release.clone(),
    };
    (!release.is_empty()).then_some(Banner { release, name })
}

/// With nothing that is not fit for a file's name.
pub fn clean(name: &str) -> String {
    let fit = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    name.chars().map(|c| if fit(c) { c } else { '-' }).collect()
}

/// Where the payload of a bzImage is, if the image is one.
fn header(image: &[u8]) -> Option<(usize, usize)> {
    let number = |at| Some(u32::from_le_bytes(*bytes(image, at)?) as usize);
    // The boot protocol has the payload since 2.08, of 2007.
    (bytes(image, 0x1fe)? == &[0x55, 0xaa]
        && bytes(image, 0x202)? == b"HdrS"
        && u16::from_le_bytes(*bytes(image, 0x206)?) >= 0x208)
        .then_some(())?;
    let sectors = match image[0x1f1] {
        0 => 4,
        n => usize::from(n),
    };
    Some(((sectors + 1) * 512 + number(0x248)?, number(0x24c)?))
}

fn bytes<const N: usize>(image: &[u8], at: usize) -> Option<&[u8; N]> {
    image.get(at..)?.first_chunk()
}

/// The ELF kernel inside a bzImage; `None` if it is packed in another way than the four that
/// distributions use, or is not what its header says.
fn unpack(image: &[u8]) -> Option<Vec<u8>> {
    let (start, len) = header(image)?;
    let payload = image.get(start..start.checked_add(len)?)?;
    // All but gzip, which has it itself, are followed by the unpacked size.
    let (packed, _) = payload.split_at_checked(len.checked_sub(4)?)?;
    let mut elf = Vec::new();
    match payload {
        [0x1f, 0x8b, ..] => flate2::read::GzDecoder::new(payload).read_to_end(&mut elf).ok(),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ruzstd::decoding::StreamingDecoder::new(packed)
            .ok()
            .and_then(|mut from| from.read_to_end(&mut elf).ok()),
        [0x02, 0x21, 0x4c, 0x18, ..] => {
            lz4_flex::frame::FrameDecoder::new(packed).read_to_end(&mut elf).ok()
        }
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            lzma_rust2::XzReader::new(packed, false).read_to_end(&mut elf).ok()
        }
        _ => None,
    }?;
    Some(elf)
}

/// What to give QEMU.
pub enum Boot {
    /// An ELF kernel in a file with a name.
    Elf(PathBuf),
    /// An ELF kernel in a file without one.
    Unpacked(File),
    /// A bzImage that has to unpack itself, which takes a guest twice as long.
    BzImage(PathBuf),
}

impl Boot {
    /// Looks into an image, and unpacks it if that can be done. What is unpacked of a kernel in the
    /// [`cache`] is kept beside it.
    pub fn prepare(image: &Path) -> Result<Boot, Error> {
        let kept = image.with_file_name("vmlinux");
        let cached = match (image.canonicalize(), cache().canonicalize()) {
            (Ok(image), Ok(cache)) => image.starts_with(cache),
            _ => false,
        };
        let keep = cached && image != kept;
        // It was looked at before it was given this name.
        if keep && kept.exists() {
            return Ok(Boot::Elf(kept));
        }
        let content = fs::read(image).map_err(Error::file("read", image))?;
        match kind(&content) {
            Ok(Kind::Pvh) => return Ok(Boot::Elf(image.to_owned())),
            Ok(Kind::BzImage) => {}
            Ok(Kind::Uml) => return Err(refused(image, "it is User Mode Linux, not for QEMU")),
            Err(why) => return Err(refused(image, why)),
        }
        let Some(elf) = unpack(&content).filter(|elf| kind(elf) == Ok(Kind::Pvh)) else {
            return Ok(Boot::BzImage(image.to_owned()));
        };
        if keep && write(&kept, &elf).is_ok() {
            return Ok(Boot::Elf(kept));
        }
        let mut file = tempfile::tempfile().map_err(Error::doing("no file for a kernel"))?;
        file.write_all(&elf).map_err(Error::doing("a kernel cannot be unpacked"))?;
        Ok(Boot::Unpacked(file))
    }

    /// Where QEMU finds it, while this lives.
    pub fn path(&self) -> PathBuf {
        match self {
            Boot::Elf(path) | Boot::BzImage(path) => path.clone(),
            Boot::Unpacked(file) => open_file(file),
        }
    }
}

/// Writes a file that is there whole or not at all.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".new").tempfile_in(dir)?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}

/// The error for a file that is no kernel.
pub fn refused(image: &Path, why: &str) -> Error {
    Error::new(
        format!("{} cannot be booted: {why}", image.display()),
        "name a vmlinuz, bzImage or vmlinux for x86-64, a Debian package with one, or linux.uml",
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::Write;

    /// A bzImage of 5 sectors of setup with this version string and payload.
    pub fn bzimage(version: &str, payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 6 * 512];
        image[0x1f1] = 4;
        image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
        image[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
        image[0x300..0x300 + version.len()].copy_from_slice(version.as_bytes());
        image[0x248..0x24c].copy_from_slice(&512_u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        image.extend(payload);
        image
    }

    /// The same payload, `content`, in each packing, with the size behind all but gzip.
    fn packed(content: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(content).expect("in memory");
        let gzip = gzip.finish().expect("in memory");

        let zstd =
            ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest);

        // The legacy frame: blocks of at most 8 MiB, each after its length.
        let block = lz4_flex::block::compress(content);
        let mut lz4 = vec![0x02, 0x21, 0x4c, 0x18];
        lz4.extend((block.len() as u32).to_le_bytes());
        lz4.extend(block);

        let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1))
            .expect("in memory");
        xz.write_all(content).expect("in memory");
        let xz = xz.finish().expect("in memory");

        let sized = |mut bytes: Vec<u8>| {
            bytes.extend((content.len() as u32).to_le_bytes());
            bytes
        };
        vec![("gzip", gzip), ("zstd", sized(zstd)), ("lz4", sized(lz4)), ("xz", sized(xz))]
    }

    #[test]
    fn each_packing_is_unpacked() {
        let content: Vec<u8> = (0..200_000_u32).flat_map(|n| (n / 3).to_le_bytes()).collect();
        for (packing, payload) in packed(&content) {
            let unpacked = unpack(&bzimage("6.1.0", &payload));
            assert!(unpacked.is_some_and(|elf| elf == content), "{packing}");
        }
    }

    #[test]
    fn what_cannot_be_unpacked_is_left_to_itself() {
        for (packing, payload) in packed(b"some kernel, though short") {
            let image = bzimage("6.1.0", &payload);
            assert_eq!(unpack(&image[..image.len() - 12]), None, "{packing}, cut");
            let broken: Vec<u8> = payload.iter().take(8).copied().chain([7; 40]).collect();
            assert_eq!(unpack(&bzimage("6.1.0", &broken)), None, "{packing}, broken");
        }
        assert_eq!(unpack(&bzimage("6.1.0", b"BZh91AY&SY")), None);
        assert_eq!(unpack(&bzimage("6.1.0", b"")), None);
        assert_eq!(unpack(&[0; 4096]), None);
    }

    #[test]
    fn a_kernel_is_called_by_what_it_says() {
        let name = |version: &str| {
            let Banner { release, name } =
                banner(&bzimage(version, b""), Kind::BzImage).expect("a banner");
            format!("{release} {name}")
        };
        let debian =
            "6.1.0-56-cloud-amd64 (a@b) #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)";
        assert_eq!(name(debian), "6.1.0-56-cloud-amd64 6.1.192-debian-cloud");
        let candidate = "7.3-amd64 (a@b) #1 SMP Debian 7.3~rc7-1~exp1 (2026-11-01)";
        assert_eq!(name(candidate), "7.3-amd64 7.3-rc7-debian");
        assert_eq!(name("7.3.0-rc1+ (me@here) #3 SMP"), "7.3.0-rc1+ 7.3.0-rc1+");

        let elf = b"\x7fELF..Linux version %s (x)\0Linux version 6.6.1 (me@here) (gcc) #1\n\0";
        assert_eq!(banner(elf, Kind::Pvh).map(|b| b.name), Some("6.6.1".into()));
        assert_eq!(banner(elf, Kind::Uml).map(|b| b.name), Some("6.6.1-uml".into()));
        assert_eq!(banner(b"nothing", Kind::Pvh), None);
    }
}

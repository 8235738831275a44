//! The processors that a kernel can be for, and what differs between them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use elf::abi;

use crate::Error;

/// A kind of processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86: programs only, which run on kernels for [`Architecture::X86_64`].
    I686,
    /// 64-bit Arm.
    Aarch64,
    /// 64-bit RISC-V.
    Riscv64,
    /// IBM Z, the only one with the most significant byte first.
    S390x,
}

use Architecture::{Aarch64, I686, Riscv64, S390x, X86_64};

/// How QEMU emulates a processor.
pub(crate) struct Machine {
    /// The program.
    pub(crate) program: &'static str,
    /// Debian's package with it.
    pub(crate) package: &'static str,
    /// The arguments for a machine without KVM.
    pub(crate) arguments: &'static [&'static str],
    /// The console that the kernel prints to.
    pub(crate) console: &'static str,
    /// The longest command line of a kernel in bytes, without the NUL (`COMMAND_LINE_SIZE`).
    pub(crate) longest: usize,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Architecture; 5] = [X86_64, I686, Aarch64, Riscv64, S390x];

    /// The architecture of the kernels that this program runs on.
    pub fn here() -> Option<Architecture> {
        let name = match std::env::consts::ARCH {
            "x86" => "x86_64",
            name => name,
        };
        Architecture::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Its name, as `uname -m` prints it.
    pub fn name(self) -> &'static str {
        match self {
            X86_64 => "x86_64",
            I686 => "i686",
            Aarch64 => "aarch64",
            Riscv64 => "riscv64",
            S390x => "s390x",
        }
    }

    /// Debian's name of it.
    pub fn debian(self) -> &'static str {
        match self {
            X86_64 => "amd64",
            I686 => "i386",
            Aarch64 => "arm64",
            Riscv64 => "riscv64",
            S390x => "s390x",
        }
    }

    /// The architecture of the kernels that run its programs.
    pub fn of_kernel(self) -> Architecture {
        if self == I686 { X86_64 } else { self }
    }

    /// The architecture of an executable.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or is no executable for one of these architectures.
    pub fn of_executable(path: &Path) -> Result<Architecture, Error> {
        let mut head = [0; 20];
        File::open(path)
            .and_then(|mut file| file.read_exact(&mut head))
            .map_err(Error::file("read", path))?;
        of_elf(&head).ok_or_else(|| {
            let names = Architecture::ALL.map(Architecture::name).join(", ");
            Error::new(
                format!("{} is not an executable for {names}", path.display()),
                "name what `cargo static` builds",
            )
        })
    }

    /// `None` for one without kernels.
    pub(crate) fn machine(self) -> Option<Machine> {
        let machine = |program, package, arguments, console, longest| Machine {
            program,
            package,
            arguments,
            console,
            longest,
        };
        Some(match self {
            // With ACPI, microvm does not boot under TCG: the kernel finds no timer to calibrate its TSC. A check on
            // q35 takes half as long again. Without RDRAND an idle guest waits long for entropy.
            X86_64 => machine(
                "qemu-system-x86_64",
                "qemu-system-x86",
                &["-M", "microvm,acpi=off", "-cpu", "qemu64,+rdrand"],
                "ttyS0",
                2047,
            ),
            I686 => return None,
            // Emulated pointer authentication is slow. A second processor halves the time where a host has two.
            Aarch64 => machine(
                "qemu-system-aarch64",
                "qemu-system-arm",
                &["-M", "virt", "-cpu", "max,pauth=off", "-smp", "2"],
                "ttyAMA0",
                2047,
            ),
            Riscv64 => machine(
                "qemu-system-riscv64",
                "qemu-system-riscv, or before Debian 13 qemu-system-misc",
                &["-M", "virt", "-cpu", "rv64", "-smp", "2"],
                "ttyS0",
                1023,
            ),
            S390x => machine(
                "qemu-system-s390x",
                "qemu-system-s390x, or before Debian 13 qemu-system-misc",
                &["-M", "s390-ccw-virtio", "-cpu", "max", "-smp", "2"],
                "ttysclp0",
                895,
            ),
        })
    }
}

/// The architecture that the first bytes of an ELF file name.
fn of_elf(head: &[u8; 20]) -> Option<Architecture> {
    let machine = [head[18], head[19]];
    let machine = match head[..6] {
        [0x7f, b'E', b'L', b'F', _, abi::ELFDATA2LSB] => u16::from_le_bytes(machine),
        [0x7f, b'E', b'L', b'F', _, abi::ELFDATA2MSB] => u16::from_be_bytes(machine),
        _ => return None,
    };
    Some(match machine {
        abi::EM_X86_64 => X86_64,
        abi::EM_386 => I686,
        abi::EM_AARCH64 => Aarch64,
        abi::EM_RISCV => Riscv64,
        abi::EM_S390 => S390x,
        _ => return None,
    })
}

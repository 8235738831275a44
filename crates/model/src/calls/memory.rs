//! What holds a file without a descriptor: mappings, libraries, shared memory, asynchronous I/O, mounts.

use crate::laws::Fact;
use crate::run::{Attempt, Predicted, Prediction, Run, Stop};
use crate::world::{CONTEXT, CredId, Mapped, MemoryId, Mount, TaskId};

const SEGMENT: &str = "segment";
const ATTACHMENT: &str = "attachment";

impl Run<'_> {
    fn add_mapped(&mut self, name: &str, is_private: bool, creds: Vec<CredId>) {
        let memory = self.memory();
        let mapped = Mapped { name: name.into(), is_private, creds };
        self.world.memories.edit(memory).mapped.push(mapped);
    }

    /// A mapping refers to its file; a library is opened here, and so is what a shared mapping of
    /// `/dev/zero` maps. Kernel: `shmem_zero_setup`.
    pub(super) fn map(&mut self) -> Prediction {
        let is_shared = self.event.args.len() > 1;
        let (name, opener) = if self.event.call == "mmap" {
            let file = self.one_file()?;
            let is_opened = file.is_zero && is_shared && self.law(Fact::SharedZeroIsOwn);
            ("mapping", if is_opened { Some(self.cred_id()) } else { file.opener })
        } else {
            ("library", Some(self.cred_id()))
        };
        if let Some(opener) = opener
            && self.law(Fact::MappingHolds)
        {
            self.add_mapped(name, !is_shared, vec![opener]);
        }
        Ok(Predicted::word(name))
    }

    /// A segment is opened by its creator, who attaches it until the program ends. Kernel: `newseg`.
    pub(super) fn shmget(&mut self) -> Prediction {
        let (own, memory) = (self.cred_id(), self.memory());
        self.world.segments.add((own, memory));
        self.attach(own, SEGMENT);
        Ok(Predicted::word(SEGMENT))
    }

    /// Who attaches a segment opens its file again. Kernel: `do_shmat`.
    pub(super) fn shmat(&mut self) -> Prediction {
        let lasts = |memory: MemoryId| {
            let group_of = |task: TaskId| &self.world.groups[self.world.tasks[task].group];
            self.world.live().into_iter().any(|task| group_of(task).memory == memory)
        };
        let all = self.world.segments.iter();
        let (known, other): (Vec<_>, Vec<_>) = all.copied().partition(|(_, memory)| lasts(*memory));
        // A new process copies what is attached, so a segment can outlive its creator.
        let creators = if known.is_empty() { other } else { known };
        let creators: Vec<CredId> = creators.into_iter().map(|(cred, _)| cred).collect();
        let creator = self.any_of(&creators).ok_or(Stop::Never)?;
        self.attach(creator, ATTACHMENT);
        Ok(Predicted::word(ATTACHMENT))
    }

    fn attach(&mut self, creator: CredId, name: &str) {
        let creator = Some(creator).filter(|_| self.law(Fact::SegmentHolds));
        let own = Some(self.cred_id()).filter(|_| self.law(Fact::AttachmentHolds));
        self.add_mapped(name, false, creator.into_iter().chain(own).collect());
    }

    /// Kernel: `aio_private_file`.
    pub(super) fn io_setup(&mut self) -> Prediction {
        let own = Some(self.cred_id()).filter(|_| self.law(Fact::AioHolds));
        self.add_mapped(CONTEXT, false, own.into_iter().collect());
        Ok(Predicted::word(CONTEXT))
    }

    /// An overlay accesses its folders with the credentials that mounted it. Kernel: `ovl_fill_super`.
    pub(super) fn mount_overlay(&mut self) -> Attempt {
        if self.law(Fact::MountHolds) {
            let (space, cred) = (self.cred().space, self.cred_id());
            self.world.mounts.add(Mount { space, cred, is_mounted: true });
        }
        Ok(())
    }

    /// Kernel: `ovl_free_fs`.
    pub(super) fn umount_overlay(&mut self) -> Attempt {
        let space = self.cred().space;
        let is_it = |mount: &Mount| mount.is_mounted && mount.space == space;
        if let Some(nth) = self.world.mounts.position(is_it) {
            self.world.mounts.edit(nth).is_mounted = false;
        }
        Ok(())
    }

    /// Ends one of what the memory holds by the name that the call is given.
    pub(super) fn unmap(&mut self) -> Attempt {
        let name = self.word_or_text(0)?;
        let memory = self.memory();
        let all = &self.world.memories[memory].mapped;
        let mapped: Vec<usize> =
            (0..all.len()).rev().filter(|nth| *all[*nth].name == *name).collect();
        if let Some(nth) = self.any_of(&mapped) {
            self.world.memories.edit(memory).mapped.remove(nth);
        }
        Ok(())
    }

    /// Copies of privately mapped files take their place.
    pub(super) fn copy_mapped_files(&mut self) -> Attempt {
        let memory = self.memory();
        self.world.memories.edit(memory).mapped.retain(|mapped| !mapped.is_private);
        Ok(())
    }
}

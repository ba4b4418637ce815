//! What a process takes of the machine's memory.

use std::{fs, io};

/// Resident memory of a process, as Linux counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUse {
    /// Bytes now (VmRSS).
    pub resident_bytes: u64,
    /// Most bytes so far (VmHWM).
    pub resident_bytes_max: u64,
}

impl MemoryUse {
    /// Of the process with this id.
    pub fn of(process: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        Self::parse(&status)
            .ok_or_else(|| io::Error::other(format!("process {process} has no memory any more")))
    }

    /// A process that has ended, but was not waited for, has no such lines.
    fn parse(status: &str) -> Option<Self> {
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
        };
        Some(Self { resident_bytes: bytes("VmRSS")?, resident_bytes_max: bytes("VmHWM")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory() {
        let memory = MemoryUse::of(std::process::id()).unwrap();
        assert!(memory.resident_bytes > 4096 && memory.resident_bytes_max >= memory.resident_bytes);
    }

    #[test]
    fn a_process_without_memory_has_no_figures() {
        assert_eq!(MemoryUse::parse("Name:\tcat\nState:\tZ (zombie)\n"), None);
        let memory = MemoryUse { resident_bytes: 2048, resident_bytes_max: 4096 };
        assert_eq!(MemoryUse::parse("VmHWM:\t       4 kB\nVmRSS:\t       2 kB\n"), Some(memory));
    }
}

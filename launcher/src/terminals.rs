//! For how long nobody has used the terminals: read from the system when somebody asks, so that it costs nothing
//! while nobody does.
//!
//! A terminal that waits for a command is used when something was read from it or written to it; the kernel keeps
//! both times, to about eight seconds. One with a command that has not ended is used all the time, silent or not.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use nix::unistd::Pid;

/// Programs that wait for commands.
const SHELLS: [&str; 14] = [
    "ash", "bash", "csh", "dash", "elvish", "fish", "ksh", "mksh", "nu", "pwsh", "sh", "tcsh", "xonsh", "zsh",
];

/// Programs that show another terminal, which says more than they do.
const WINDOWS: [&str; 9] =
    ["abduco", "doas", "dtach", "screen", "script", "su", "sudo", "tmux: client", "zellij"];

/// Majors of the device numbers of pseudo terminals.
const PTS: std::ops::RangeInclusive<u64> = 136..=143;

/// A process that has a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    id: i32,
    name: String,
    parent: i32,
    group: i32,
    terminal: u64,
    /// The group that the terminal's keys go to.
    foreground: i32,
}

/// What a terminal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// It runs a command.
    Runs,
    /// It waits for one.
    Waits,
    /// It shows another terminal.
    Shows,
}

/// For how long nobody has used a terminal of this container; `None` without a terminal.
pub fn unused_for() -> Option<Duration> {
    let system = System { processes: Path::new("/proc"), terminals: Path::new("/dev/pts") };
    system.unused_for(Pid::this(), SystemTime::now())
}

/// Where the system tells of processes and terminals.
struct System<'a> {
    processes: &'a Path,
    terminals: &'a Path,
}

impl System<'_> {
    fn unused_for(&self, us: Pid, now: SystemTime) -> Option<Duration> {
        let all = self.all();
        let mut terminals: HashMap<u64, Vec<&Process>> = HashMap::new();
        for process in all.values().filter(|it| it.terminal != 0 && is_ours(&all, it, us.as_raw())) {
            terminals.entry(process.terminal).or_default().push(process);
        }
        let unused = |(terminal, processes): (&u64, &Vec<&Process>)| match self.doing(processes) {
            Doing::Runs => Some(Duration::ZERO),
            Doing::Waits => self.silent_for(*terminal, now),
            Doing::Shows => None,
        };
        terminals.iter().filter_map(unused).min()
    }

    fn all(&self) -> HashMap<i32, Process> {
        let entries = fs::read_dir(self.processes).into_iter().flatten().flatten();
        let process = |path: PathBuf| parse(&fs::read_to_string(path.join("stat")).ok()?);
        let numbered = entries.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit());
        numbered.filter_map(|entry| process(entry.path())).map(|process| (process.id, process)).collect()
    }

    fn doing(&self, of: &[&Process]) -> Doing {
        let front: Vec<_> = of.iter().filter(|process| process.group == process.foreground).collect();
        match front.as_slice() {
            [] => Doing::Waits,
            shown if shown.iter().all(|it| WINDOWS.contains(&it.name.as_str())) => Doing::Shows,
            // A script and what it runs are several.
            [one] if SHELLS.contains(&one.name.as_str()) && !self.has_command(one.id) => Doing::Waits,
            _ => Doing::Runs,
        }
    }

    /// Whether a shell was started with a command or a script.
    fn has_command(&self, shell: i32) -> bool {
        let line = fs::read(self.processes.join(shell.to_string()).join("cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).filter(|word| !word.is_empty()).collect();
        words.windows(2).any(|pair| match pair[1] {
            [b'-', b'-', ..] => false,
            [b'-', letters @ ..] => letters.contains(&b'c'),
            // The value of an option such as `--init-file`.
            _ => !pair[0].starts_with(b"--"),
        })
    }

    /// Since when nothing was read or written.
    fn silent_for(&self, terminal: u64, now: SystemTime) -> Option<Duration> {
        let file = fs::metadata(self.terminals.join(number(terminal)?.to_string())).ok()?;
        let last = file.accessed().ok()?.max(file.modified().ok()?);
        Some(now.duration_since(last).unwrap_or_default())
    }
}

/// The container's first process has none beside it that is not the container's. Elsewhere only what comes from us
/// is.
fn is_ours(all: &HashMap<i32, Process>, process: &Process, us: i32) -> bool {
    let mut ancestors = std::iter::successors(Some(process), |it| all.get(&it.parent));
    us == 1 || ancestors.any(|it| it.id == us)
}

/// The number of a pseudo terminal below `/dev/pts`.
fn number(device: u64) -> Option<u64> {
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
    PTS.contains(&major).then(|| (major - PTS.start()) * 256 + minor)
}

/// A line of `/proc/<id>/stat`: number, name in brackets, state, parent, group, session, terminal, foreground.
fn parse(stat: &str) -> Option<Process> {
    let (id, rest) = stat.split_once(" (")?;
    // A name may hold anything.
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut numbers = rest.split(' ').skip(1);
    let mut next = || numbers.next()?.parse::<i64>().ok();
    let (parent, group, _session, terminal, foreground) = (next()?, next()?, next()?, next()?, next()?);
    Some(Process {
        id: id.parse().ok()?,
        name: name.to_owned(),
        parent: i32::try_from(parent).ok()?,
        group: i32::try_from(group).ok()?,
        terminal: u64::try_from(terminal).ok()?,
        foreground: i32::try_from(foreground).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};

    use super::*;

    /// A process of the container: its number, its group, and its words, the first of which is its name.
    type One = (i32, i32, &'static str);

    /// How many seconds a terminal seems unused that was read or written 60 seconds ago, with these processes and
    /// that group in front.
    fn unused(front: i32, processes: &[One]) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let terminal = File::create(folder.path().join("7")).unwrap();
        let last = now - Duration::from_secs(60);
        terminal
            .set_times(FileTimes::new().set_accessed(last).set_modified(last - Duration::from_secs(9)))
            .unwrap();
        let all = processes.iter().map(|(id, group, words)| (*id, 1, *group, *words));
        // The IDE has no terminal, and another container's is none of ours.
        let others = [(1, 0, 1, "launcher"), (2, 1, 2, "node")];
        for (id, parent, group, words) in all.chain(others) {
            let place = folder.path().join(id.to_string());
            fs::create_dir(&place).unwrap();
            let (device, front) = if id < 3 { (0, -1) } else { (34823, front) };
            let words: Vec<&str> = words.split('|').collect();
            let stat = format!("{id} ({}) S {parent} {group} 10 {device} {front} 0 0", words[0]);
            fs::write(place.join("stat"), stat).unwrap();
            fs::write(place.join("cmdline"), words.join("\0") + "\0").unwrap();
        }
        // Something that is no process.
        fs::create_dir(folder.path().join("sys")).unwrap();
        let system = System { processes: folder.path(), terminals: folder.path() };
        system.unused_for(Pid::from_raw(1), now).map(|unused| unused.as_secs())
    }

    #[test]
    fn a_terminal_is_used_while_a_command_runs_in_it() {
        for (what, front, processes, expected) in [
            ("no terminal", -1, vec![], None),
            ("a prompt", 10, vec![(10, 10, "bash")], Some(60)),
            ("a login shell", 10, vec![(10, 10, "zsh|-l")], Some(60)),
            ("a shell of the IDE", 10, vec![(10, 10, "bash|--init-file|/i.sh")], Some(60)),
            ("a command", 11, vec![(10, 10, "bash"), (11, 11, "sleep|9")], Some(0)),
            ("a job behind a prompt", 10, vec![(10, 10, "bash"), (11, 11, "sleep|9")], Some(60)),
            ("a task", 10, vec![(10, 10, "bash|-c|sleep 9; true")], Some(0)),
            ("a task, as one option", 10, vec![(10, 10, "bash|-lc|make")], Some(0)),
            ("a script", 11, vec![(10, 10, "bash"), (11, 11, "sh|build.sh")], Some(0)),
            ("a task without a shell", 10, vec![(10, 10, "cargo|test")], Some(0)),
            (
                "a loop in brackets",
                11,
                vec![(10, 10, "bash"), (11, 11, "bash"), (12, 11, "sleep|9")],
                Some(0),
            ),
            ("a shell in a shell", 11, vec![(10, 10, "bash"), (11, 11, "fish")], Some(60)),
            ("a multiplexer", 11, vec![(10, 10, "bash"), (11, 11, "tmux: client")], None),
            ("root's shell in a terminal of its own", 11, vec![(10, 10, "bash"), (11, 11, "sudo|-i")], None),
            ("a command of root", 11, vec![(11, 11, "sudo|make"), (12, 11, "make")], Some(0)),
            ("what was in front has gone", 12, vec![(10, 10, "bash")], Some(60)),
        ] {
            assert_eq!(unused(front, &processes), expected, "{what}");
        }
    }

    #[test]
    fn a_name_may_hold_anything() {
        let process = parse("12 (a) S (b) c) S 1 12 10 34816 12 4194304 99").unwrap();
        assert_eq!(
            process,
            Process {
                id: 12,
                name: "a) S (b) c".into(),
                parent: 1,
                group: 12,
                terminal: 34816,
                foreground: 12
            }
        );
        assert_eq!(parse("12 (cut"), None);
    }

    #[test]
    fn pseudo_terminals_have_numbers() {
        for (device, expected) in [(34816, Some(0)), (34823, Some(7)), (0x8900, Some(256)), (1025, None)] {
            assert_eq!(number(device), expected, "{device}");
        }
    }

    #[test]
    fn other_programs_of_the_machine_are_none_of_ours() {
        let process = |id, parent| {
            let (name, group, terminal, foreground) = (String::new(), id, 34816, id);
            (id, Process { id, name, parent, group, terminal, foreground })
        };
        let all = HashMap::from([process(5, 1), process(6, 5), process(7, 6), process(8, 1)]);
        for (us, id, expected) in [(5, 7, true), (5, 8, false), (1, 8, true)] {
            assert_eq!(is_ours(&all, &all[&id], us), expected, "{us} {id}");
        }
    }
}

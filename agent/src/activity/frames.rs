//! What passes the door on its way to the IDE, heard for signs of work. Nothing is read but where frames of a
//! WebSocket begin and how long they are: VS Code compresses them, and its protocol is its own affair.
//!
//! An editor that is open and not used sends keep-alives, acknowledgements and questions that repeat: measured with
//! code-server 4.139 for a quarter of an hour, 4 to 45 bytes each, since they compress well. Most of what a key that
//! is typed gives has 60 or more. A browser that does not compress looks like somebody who works: its workspace is
//! stopped later, never too soon.

use std::time::Duration;

use tokio::time::Instant;

use super::pulse::Pulse;

/// Payloads up to this size are no work.
const SMALL: u64 = 48;

/// An open editor makes its sockets anew after each interruption, and says again what may have been lost.
const GREETING: Duration = Duration::from_secs(10);

/// What marks the request for a WebSocket.
const UPGRADE: &[u8] = b"\r\nupgrade: websocket";

/// The longest head of a frame: two bytes, eight of length, four of mask.
const HEAD: usize = 14;

/// Listens to one connection.
pub struct Ears {
    pulse: Pulse,
    speaks: Speaks,
}

enum Speaks {
    /// Requests, each of which somebody may have caused.
    Http,
    /// Frames, since then.
    Frames { since: Instant, head: Vec<u8>, rest: u64 },
}

impl Ears {
    /// Of a connection that begins.
    pub fn new(pulse: Pulse) -> Self {
        Self { pulse, speaks: Speaks::Http }
    }

    /// Hears what came.
    pub fn hear(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match &mut self.speaks {
                Speaks::Http if asks_for_socket(bytes) => {
                    self.speaks = Speaks::Frames { since: Instant::now(), head: Vec::new(), rest: 0 };
                    return;
                }
                Speaks::Http => {
                    self.pulse.sign();
                    return;
                }
                Speaks::Frames { rest, .. } if *rest > 0 => {
                    let skipped = usize::try_from(*rest).unwrap_or(usize::MAX).min(bytes.len());
                    *rest -= skipped as u64;
                    bytes = &bytes[skipped..];
                }
                Speaks::Frames { since, head, rest } => {
                    head.push(bytes[0]);
                    bytes = &bytes[1..];
                    let Some(frame) = Frame::parse(head) else { continue };
                    head.clear();
                    *rest = frame.length;
                    if !frame.masked {
                        // No browser sends such: the request was refused, and this is another one.
                        self.speaks = Speaks::Http;
                        return;
                    }
                    if frame.data && frame.length > SMALL && since.elapsed() >= GREETING {
                        self.pulse.sign();
                    }
                }
            }
        }
    }
}

struct Frame {
    data: bool,
    masked: bool,
    length: u64,
}

impl Frame {
    /// Reads a head, if it is whole.
    fn parse(head: &[u8]) -> Option<Self> {
        let [first, second, more @ ..] = head else { return None };
        let (data, masked) = (first & 0x0f < 8, second & 0x80 != 0);
        let size = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let whole = !masked || more.len() == size + 4;
        debug_assert!(head.len() <= HEAD);
        let length = match size {
            0 => u64::from(second & 0x7f),
            _ => more.iter().take(size).fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        whole.then_some(Self { data, masked, length })
    }
}

fn asks_for_socket(request: &[u8]) -> bool {
    request.windows(UPGRADE.len()).any(|part| part.eq_ignore_ascii_case(UPGRADE))
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SOCKET: &[u8] = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    const PAGE: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match length {
            0..126 => frame.push(0x80 | length as u8),
            126..65536 => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([9; 4]);
        // As if it were the heads of large frames.
        frame.extend(vec![0xff; length]);
        frame
    }

    /// Whether that is work, when it comes in pieces of that size, a minute after the socket was opened or at once.
    async fn is_work(before: &[u8], after: Duration, said: &[Vec<u8>], size: usize) -> bool {
        let pulse = Pulse::default();
        let start = Instant::now();
        let mut ears = Ears::new(pulse.clone());
        ears.hear(before);
        advance(after).await;
        said.concat().chunks(size).for_each(|piece| ears.hear(piece));
        *pulse.subscribe().borrow() != start
    }

    #[tokio::test(start_paused = true)]
    async fn large_frames_are_work_and_small_ones_are_not() {
        let minute = Duration::from_secs(60);
        let three = |first, length| vec![frame(first, length); 3];
        for (what, said, work) in [
            ("keep-alives", vec![frame(0xc2, 13); 50], false),
            ("what repeats", vec![frame(0xc2, 32); 50], false),
            ("keys", three(0xc2, 75), true),
            ("one answer to the server", vec![frame(0xc2, 75)], false),
            ("text", three(0x81, 200), true),
            ("a large paste", three(0x82, 70_000), true),
            ("pings", three(0x89, 100), false),
        ] {
            for size in [1, 7, 4096, 1 << 20] {
                assert_eq!(is_work(SOCKET, minute, &said, size).await, work, "{what} {size}");
            }
            assert!(!is_work(SOCKET, Duration::from_secs(2), &said, 4096).await, "{what}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn several_requests_are_work_unless_they_are_for_sockets() {
        let soon = Duration::from_secs(2);
        assert!(is_work(PAGE, soon, &[PAGE.to_vec(), PAGE.to_vec()], PAGE.len()).await);
        assert!(!is_work(PAGE, soon, &[PAGE.to_vec()], PAGE.len()).await);
        assert!(!is_work(SOCKET, soon, &[], 1).await);
        // A socket that was refused, and pages after that.
        let pages = [PAGE.to_vec(), PAGE.to_vec(), PAGE.to_vec(), PAGE.to_vec()];
        assert!(is_work(SOCKET, soon, &pages, PAGE.len()).await);
    }
}

//! An IDE on a Unix socket: gives back the head of each request as body, and echoes after an upgrade.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_buf},
    net::{UnixListener, UnixStream},
};

/// What it says to an upgrade.
pub const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";

pub struct Ide {
    connections: Arc<AtomicUsize>,
}

impl Ide {
    pub fn start(socket: &Path) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream));
            }
        });
        Self { connections }
    }

    /// How many connections have reached it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve(stream: UnixStream) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        if head.contains("upgrade: websocket") {
            writer.write_all(SWITCHED.as_bytes()).await?;
            return copy_buf(&mut reader, &mut writer).await.map(drop);
        }
        writer.write_all(answer(&head).as_bytes()).await?;
    }
}

/// What it says to a request.
pub fn answer(head: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len())
}

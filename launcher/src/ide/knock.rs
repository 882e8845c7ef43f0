//! One request to the IDE. VS Code's server is loaded by the first one, so whoever comes next does not wait
//! for it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// How long an answer may take: a busy node loads it slowly.
const ANSWER: Duration = Duration::from_secs(60);

/// Longest head or page that is read.
const LIMIT: u64 = 1 << 20;

/// Whether it answers, also after sending us to the folder that it opened last.
pub fn answers(socket: &Path) -> bool {
    match get(socket, "/") {
        Ok(Answer { status: 300..400, location: Some(target), .. }) => {
            // Relative ones begin with a dot.
            let target = target.trim_start_matches('.');
            target.starts_with('/') && get(socket, target).is_ok_and(|answer| answer.is_good())
        }
        Ok(answer) => answer.is_good(),
        Err(_) => false,
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    location: Option<String>,
    length: Option<u64>,
}

impl Answer {
    fn is_good(&self) -> bool {
        (200..400).contains(&self.status)
    }
}

fn get(socket: &Path, target: &str) -> io::Result<Answer> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let request = format!("GET {target} HTTP/1.0\r\nhost: localhost\r\n\r\n");
    (&stream).write_all(request.as_bytes())?;
    let mut reader = BufReader::new(stream.take(LIMIT));
    let answer = head(&mut reader)?;
    // To the end, or the IDE would note a client that broke off.
    io::copy(&mut reader.take(answer.length.unwrap_or(LIMIT)), &mut io::sink())?;
    Ok(answer)
}

fn head(reader: &mut impl BufRead) -> io::Result<Answer> {
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let mut lines = reader.lines();
    let first = lines.next().ok_or_else(broken)??;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    let mut answer = Answer { status, location: None, length: None };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "location" => answer.location = Some(value.trim().to_owned()),
            "content-length" => answer.length = value.trim().parse().ok(),
            _ => {}
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixListener, thread};

    use super::*;

    /// Whether an IDE that says that to one request after the other is taken as answering.
    fn tried(answers_with: Vec<&'static str>) -> (bool, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("ide.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let ide = thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in answers_with {
                let (mut stream, _) = listener.accept().unwrap();
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).unwrap();
                asked.push(line.trim_end().to_owned());
                let _ = stream.write_all(answer.as_bytes());
            }
            asked
        });
        (answers(&socket), ide.join().unwrap())
    }

    #[test]
    fn a_page_is_an_answer_and_a_redirect_is_followed_once() {
        let page = "HTTP/1.1 200 OK\r\n\r\n<html>";
        let to_folder = "HTTP/1.1 302 Found\r\nLocation: ./?folder=/home/developer/hello\r\n\r\n";
        let first = "GET / HTTP/1.0".to_owned();
        let second = "GET /?folder=/home/developer/hello HTTP/1.0".to_owned();
        for (said, good, asked) in [
            (vec![page], true, vec![first.clone()]),
            (vec![to_folder, page], true, vec![first.clone(), second]),
            (vec!["HTTP/1.1 500 Oh\r\n\r\n"], false, vec![first.clone()]),
            (vec!["SSH-2.0\r\n"], false, vec![first.clone()]),
            (vec![""], false, vec![first]),
        ] {
            assert_eq!(tried(said.clone()), (good, asked), "{said:?}");
        }
    }

    #[test]
    fn nobody_gives_no_answer() {
        assert!(!answers(Path::new("/no/such/ide.sock")));
    }
}

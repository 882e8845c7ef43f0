//! Draws a day as an SVG beside the build, for people to look at.

use std::{env, fmt::Write, fs, path::PathBuf};

use super::{Day, HOUR};

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 50.0;

/// Writes `<target>/<name>.svg`.
pub fn write(name: &str, title: &str, day: &Day) {
    let Some(folder) = target() else { return };
    let file = folder.join(name).with_extension("svg");
    fs::write(&file, svg(title, day)).unwrap();
    eprintln!("{}", file.display());
}

/// Cargo's folder: the test program is in its `<profile>/deps`.
fn target() -> Option<PathBuf> {
    Some(env::current_exe().ok()?.ancestors().nth(3)?.to_owned())
}

fn svg(title: &str, day: &Day) -> String {
    let most = day.sizes.iter().map(|(_, wanted, ready)| (*wanted).max(*ready)).max().unwrap_or(1).max(1);
    let quarter = 15 * 60;
    let mut launches = vec![0_usize; 96];
    day.launches.iter().for_each(|second| launches[(second / quarter) as usize] += 1);
    let busiest = launches.iter().copied().max().unwrap_or(1).max(1);

    let x = |second: i64| MARGIN + (WIDTH - 2.0 * MARGIN) * second as f64 / (24 * HOUR) as f64;
    let y = |share: f64| HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * share;
    let pods = |count: usize| y(count as f64 / most as f64);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="white"/><text x="{MARGIN}" y="28" font-size="17">{title}: {} launches, {} found no pod ({:.2} %), {} turns</text>"#,
        day.launches.len(),
        day.misses.len(),
        day.missed() * 100.0,
        day.turns(),
    );
    let mut draw = |part: String| svg.push_str(&part);
    for (number, count) in launches.iter().enumerate() {
        let (left, top) = (x(number as i64 * quarter), y(*count as f64 / busiest as f64));
        let (width, height) = (x(quarter) - x(0) - 1.0, y(0.0) - top);
        draw(format!(
            r##"<rect x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}" fill="#dde6f0"/>"##
        ));
    }
    for hour in (0..=24).step_by(3) {
        let (at, bottom) = (x(hour * HOUR), y(0.0) + 18.0);
        draw(format!(r#"<text x="{at:.1}" y="{bottom:.1}" text-anchor="middle">{hour}:00</text>"#));
    }
    for count in (0..=most).step_by(most.div_ceil(8)) {
        let (at, left) = (pods(count), MARGIN - 8.0);
        draw(format!(
            r##"<line x1="{MARGIN}" x2="{:.1}" y1="{at:.1}" y2="{at:.1}" stroke="#eee"/><text x="{left:.1}" y="{:.1}" text-anchor="end">{count}</text>"##,
            WIDTH - MARGIN,
            at + 4.0,
        ));
    }
    let ready = steps(day.sizes.iter().map(|(second, _, ready)| (x(*second), pods(*ready))), x(24 * HOUR));
    let wanted = steps(day.sizes.iter().map(|(second, wanted, _)| (x(*second), pods(*wanted))), x(24 * HOUR));
    draw(format!(r##"<path d="{ready}" fill="none" stroke="#5aa469" stroke-width="0.8"/>"##));
    draw(format!(r##"<path d="{wanted}" fill="none" stroke="#1f4e8c" stroke-width="2"/>"##));
    for second in &day.misses {
        draw(format!(r##"<circle cx="{:.1}" cy="{:.1}" r="3.5" fill="#c0392b"/>"##, x(*second), y(0.0)));
    }
    let legend = [
        ("#1f4e8c", "wanted"),
        ("#5aa469", "ready"),
        ("#c0392b", "a launch that found none"),
        ("#b9cbe0", "launches in 15 minutes, at most"),
    ];
    for (number, (colour, text)) in legend.into_iter().enumerate() {
        let left = MARGIN + 190.0 * number as f64;
        let more = if number == 3 { format!(" {busiest}") } else { String::new() };
        draw(format!(r#"<text x="{left:.1}" y="{:.1}" fill="{colour}">{text}{more}</text>"#, HEIGHT - 8.0));
    }
    svg.push_str("</svg>");
    svg
}

/// A line of steps through these points, up to `end`.
fn steps(points: impl Iterator<Item = (f64, f64)>, end: f64) -> String {
    let mut path = String::new();
    for (x, y) in points {
        match path.is_empty() {
            true => write!(path, "M{x:.1} {y:.1}").unwrap(),
            false => write!(path, "H{x:.1}V{y:.1}").unwrap(),
        }
    }
    write!(path, "H{end:.1}").unwrap();
    path
}

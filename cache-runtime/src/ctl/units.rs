//! Durations and sizes, as people write them.

use std::time::Duration;

/// `850 ms`, `4.2 s`, `5m 3s`, `3h 20m`, `2d 4h`.
pub(super) fn duration(time: Duration) -> String {
    let millis = time.as_millis();
    if millis < 1_000 {
        return format!("{millis} ms");
    }
    if millis < 10_000 {
        return format!("{:.1} s", time.as_secs_f64());
    }
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// `512 B`, `1.5 KiB`, `64.0 MiB`.
pub(super) fn bytes(count: u64) -> String {
    let mut size = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            return match unit {
                "B" => format!("{count} B"),
                _ => format!("{size:.1} {unit}"),
            };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

/// `12,345`
pub(super) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 entry`, `2 entries`
pub(super) fn entries(count: u64) -> String {
    match count {
        1 => "1 entry".to_owned(),
        _ => format!("{} entries", number(count)),
    }
}

/// Milliseconds with two decimals.
pub(super) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_as_people_write_them() {
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (4_200, "4.2 s"),
            (59_000, "59 s"),
            (303_000, "5m 3s"),
            (12_000_000, "3h 20m"),
            (187_200_000, "2d 4h"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(
            (bytes(512), bytes(1_536)),
            ("512 B".into(), "1.5 KiB".into())
        );
        assert_eq!(
            (number(0), number(1_234_567)),
            ("0".into(), "1,234,567".into())
        );
        assert_eq!(
            (entries(1), entries(2_000)),
            ("1 entry".into(), "2,000 entries".into())
        );
    }
}

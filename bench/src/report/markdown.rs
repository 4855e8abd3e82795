//! The report as text.

use super::{Report, Target};

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The heads of its columns.
    pub head: Vec<String>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns and no rows.
    pub fn new<'a>(head: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            head: head.into_iter().map(ToOwned::to_owned).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// As Markdown, aligned so that it can be read as it is; all columns but the first are figures.
    pub fn markdown(&self) -> String {
        let rows: Vec<Vec<String>> = std::iter::once(&self.head)
            .chain(&self.rows)
            .map(|row| row.iter().map(|cell| cell.replace('|', "\\|")).collect())
            .collect();
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
            })
            .collect();
        let cell = |column: usize, row: &[String]| {
            let (cell, width) = (row.get(column).map_or("", String::as_str), widths[column]);
            if column == 0 {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        };
        let mut lines: Vec<String> = rows
            .iter()
            .map(|row| {
                let cells: Vec<String> = (0..widths.len()).map(|column| cell(column, row)).collect();
                line(&cells)
            })
            .collect();
        let under = |(column, width): (usize, &usize)| {
            let dashes = "-".repeat(width - 1);
            dashes + if column == 0 { "-" } else { ":" }
        };
        let under: Vec<String> = widths.iter().enumerate().map(under).collect();
        lines.insert(1, line(&under));
        lines.concat()
    }
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

impl Report {
    /// All of it.
    pub fn markdown(&self) -> String {
        let mut text =
            "# Results\n\nWritten by `make bench`; [how to read them](../README.md).\n\n".to_owned();
        let mut machine = Table::new(["machine", ""]);
        for (name, value) in &self.machine {
            machine.row([name.clone(), value.clone()]);
        }
        text.push_str(&machine.markdown());
        text.push_str("\n## Targets\n\n");
        text.push_str(&self.targets());
        let mut appendix = String::new();
        for section in &self.sections {
            write_to(
                &mut text,
                format_args!("\n## {}\n\n{}\n", section.name, section.about),
            );
            for table in &section.tables {
                write_to(&mut text, format_args!("\n{}", table.markdown()));
            }
            for plot in &section.plots {
                write_to(
                    &mut text,
                    format_args!("\n![{}]({})\n", plot.title(), plot.file()),
                );
            }
            for (title, said) in &section.appendix {
                write_to(
                    &mut appendix,
                    format_args!(
                        "\n<details><summary>{title}</summary>\n\n```\n{}\n```\n\n</details>\n",
                        said.trim_end()
                    ),
                );
            }
        }
        if !appendix.is_empty() {
            write_to(&mut text, format_args!("\n## Appendix\n{appendix}"));
        }
        text
    }

    /// The tables alone, to be read at once.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            for table in &section.tables {
                write_to(
                    &mut text,
                    format_args!("\n{}\n\n{}", section.name, table.markdown()),
                );
            }
        }
        write_to(&mut text, format_args!("\n{}", self.targets()));
        text
    }

    /// What the figures were to be, and are.
    pub fn targets(&self) -> String {
        let mut table = Table::new(["target", "wanted", "measured", ""]);
        for target in self.sections.iter().flat_map(|section| &section.targets) {
            let Target {
                figure,
                wanted,
                measured,
                met,
            } = target;
            let met = if *met { "met" } else { "**missed**" };
            table.row([figure.clone(), wanted.clone(), measured.clone(), met.to_owned()]);
        }
        table.markdown()
    }
}

fn write_to(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.push_str(&arguments.to_string());
}

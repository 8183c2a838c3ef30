//! The region that a postcode lies in: ISO 3166-2 subdivisions of the larger countries.
//!
//! States, Länder, cantons and provinces are what people slice figures by, and a postcode nearly always tells them. The
//! table has ranges of the first letters of the code; ranges that cross a border at that depth are left out, so there is an
//! answer or none, never a likely one. Great Britain is divided into its four countries.
//!
//! Source: `data/regions.tsv`, our own compilation from the ranges that the posts publish. `tests/real_data.rs` holds
//! Brazil's against real orders.
//!
//! Deliberately missing: towns, counties, and countries whose codes follow the post rather than the state.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::code::Country;
use crate::table;

/// A range of codes, compared over the letters that its ends have.
#[derive(Clone, Copy, Debug)]
struct Range {
    from: &'static str,
    to: &'static str,
    region: &'static str,
}

static REGIONS: LazyLock<FxHashMap<Country, Vec<Range>>> = LazyLock::new(|| {
    let mut all: FxHashMap<Country, Vec<Range>> = FxHashMap::default();
    for row in table::rows(include_str!("../data/regions.tsv")) {
        let [country, from, to, region] = row.cells();
        let country = Country::from_code(country).expect("a country of the table of countries");
        all.entry(country).or_default().push(Range { from, to, region });
    }
    // The deepest range wins; equal depths do not overlap (tested).
    all.values_mut().for_each(|ranges| ranges.sort_by(|a, b| a.from.cmp(b.from)));
    all
});

/// Whether the regions of a country are known.
pub fn is_known(country: Country) -> bool {
    REGIONS.contains_key(&country)
}

/// The region of a postcode as its country writes it: the code behind the hyphen of ISO 3166-2 (`BY` for `DE-BY`).
pub fn of_postcode(country: Country, postcode: &str) -> Option<&'static str> {
    let ranges = REGIONS.get(&country)?;
    let mut code = [0_u8; 12];
    let mut end = 0;
    for b in postcode.bytes().filter(u8::is_ascii_alphanumeric).take(code.len()) {
        code[end] = b.to_ascii_uppercase();
        end += 1;
    }
    // Of a British code the outward part counts: SW1A of SW1A 1AA, and its letters where the table has no more.
    let whole = std::str::from_utf8(&code[..end]).ok()?;
    if country.as_str() == "GB" {
        let outward = whole.get(..whole.len().checked_sub(3)?)?;
        let district = outward.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let area = &outward[..outward.find(|c: char| c.is_ascii_digit()).unwrap_or(outward.len())];
        let exact = |key: &str| ranges.binary_search_by(|range| range.from.cmp(key)).ok().map(|at| ranges[at].region);
        return exact(district).or_else(|| exact(area));
    }
    let at = ranges.partition_point(|range| range.from <= whole);
    // Ends are prefixes: 27 of Range("20", "28") covers 27999.
    ranges[..at]
        .iter()
        .rev()
        .take(2)
        .find(|range| whole.get(..range.to.len()).is_some_and(|head| head <= range.to))
        .map(|range| range.region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_places_lie_in_their_region() {
        for (country, postcode, region) in [
            ("DE", "10115", "BE"),
            ("DE", "80331", "BY"),
            ("DE", "20095", "HH"),
            ("DE", "50667", "NW"),
            ("DE", "01067", "SN"),
            ("DE", "60311", "HE"),
            ("DE", "28195", "HB"),
            ("DE", "27568", "HB"),
            ("DE", "99084", "TH"),
            ("DE", "96515", "TH"),
            ("DE", "66111", "SL"),
            ("DE", "14467", "BB"),
            ("US", "02139", "MA"),
            ("US", "10001", "NY"),
            ("US", "90210", "CA"),
            ("US", "20500", "DC"),
            ("US", "06390", "NY"),
            ("US", "06360", "CT"),
            ("US", "99501-1234", "AK"),
            ("US", "79901", "TX"),
            ("GB", "SW1A 1AA", "ENG"),
            ("GB", "EH1 1YZ", "SCT"),
            ("GB", "CF10 1EP", "WLS"),
            ("GB", "BT1 5GS", "NIR"),
            ("GB", "M1 1AE", "ENG"),
            ("GB", "G1 1XQ", "SCT"),
            ("GB", "CH7 1AA", "WLS"),
            ("FR", "75008", "IDF"),
            ("FR", "13001", "PAC"),
            ("FR", "20000", "COR"),
            ("FR", "97400", "974"),
            ("FR", "67000", "GES"),
            ("IT", "00184", "62"),
            ("IT", "20121", "25"),
            ("IT", "80121", "72"),
            ("IT", "50122", "52"),
            ("IT", "39100", "32"),
            ("IT", "11100", "23"),
            ("ES", "28013", "MD"),
            ("ES", "08001", "CT"),
            ("ES", "41001", "AN"),
            ("NL", "1012 AB", "NH"),
            ("NL", "3011 AA", "ZH"),
            ("NL", "3511 AA", "UT"),
            ("NL", "9711 AA", "GR"),
            ("BE", "1000", "BRU"),
            ("BE", "9000", "VOV"),
            ("BE", "4000", "WLG"),
            ("AT", "1010", "9"),
            ("AT", "5020", "5"),
            ("AT", "6900", "8"),
            ("AT", "8010", "6"),
            ("AT", "9900", "7"),
            ("CH", "8001", "ZH"),
            ("CH", "1201", "GE"),
            ("CH", "3011", "BE"),
            ("CH", "6900", "TI"),
            ("BR", "01310-100", "SP"),
            ("BR", "22041-001", "RJ"),
            ("BR", "70040-010", "DF"),
            ("BR", "69005-010", "AM"),
            ("BR", "74000-000", "GO"),
            ("AU", "2000", "NSW"),
            ("AU", "2601", "ACT"),
            ("AU", "0800", "NT"),
            ("AU", "7000", "TAS"),
            ("CA", "M5V 3L9", "ON"),
            ("CA", "H2Y 1C6", "QC"),
            ("CA", "X0A 0H0", "NU"),
        ] {
            assert_eq!(of_postcode(Country::from_code(country).unwrap(), postcode), Some(region), "{country} {postcode}");
        }
    }

    #[test]
    fn borders_and_unknown_codes_have_no_answer() {
        for (country, postcode) in
            [("DE", "00000"), ("US", "00000"), ("CA", "D1A 1A1"), ("PL", "00-950"), ("GB", "SY10 7AA"), ("GB", "1")]
        {
            assert_eq!(of_postcode(Country::from_code(country).unwrap(), postcode), None, "{country} {postcode}");
        }
    }

    #[test]
    fn ranges_do_not_overlap() {
        for (country, ranges) in &*REGIONS {
            for pair in ranges.windows(2).filter(|_| country.as_str() != "GB") {
                let nested = pair[1].from.starts_with(pair[0].to);
                assert!(pair[1].from > pair[0].to || nested, "{country} {pair:?}");
                assert!(pair[0].from <= pair[0].to, "{country} {pair:?}");
            }
        }
    }
}

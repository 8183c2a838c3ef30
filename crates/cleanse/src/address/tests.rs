//! Street lines, towns and blocks by hand, by country.

use super::*;

fn shown(raw: &str, country: &str) -> String {
    let cleaned = clean_street(raw, Country::from_code(country));
    let codes: Vec<&str> = cleaned.flags.codes().collect();
    let street = cleaned.value.map_or_else(
        || "-".to_owned(),
        |street| {
            let parts = [street.street, street.house_number, street.unit, street.po_box, street.addition];
            parts.map(|part| part.unwrap_or_default().into_owned()).join("/").trim_end_matches('/').to_owned()
        },
    );
    format!("{street} | {}", codes.join(" "))
}

#[test]
fn lists_are_sorted() {
    assert!(UNIT_WORDS.is_sorted_by(|a, b| a < b));
}

#[test]
fn english_street_lines() {
    for (raw, country, expected) in [
        ("123 Main Street", "US", "Main Street/123 | "),
        ("123 Main St", "US", "Main Street/123 | abbreviation_expanded"),
        ("123 MAIN ST.", "US", "Main Street/123 | case_changed abbreviation_expanded"),
        ("123 Main St Apt 4", "US", "Main Street/123/Apt 4 | abbreviation_expanded unit_split"),
        ("123 Main St, Apt. 4B", "US", "Main Street/123/Apt. 4B | abbreviation_expanded unit_split"),
        ("123 Main St #4", "US", "Main Street/123/#4 | abbreviation_expanded unit_split"),
        ("1450 N City Rd Suite 900", "US", "N City Road/1450/Suite 900 | abbreviation_expanded unit_split"),
        ("Suite 900, 1450 N City Rd", "US", "N City Road/1450/Suite 900 | abbreviation_expanded unit_split"),
        ("80 Delaware Ave SE", "US", "Delaware Avenue SE/80 | abbreviation_expanded"),
        ("3212 W. 32nd St", "US", "W. 32nd Street/3212 | abbreviation_expanded"),
        ("10 St James St", "US", "St James Street/10 | abbreviation_expanded"),
        ("Highway 61", "US", "Highway 61 | no_house_number"),
        ("P.O. Box 12987", "US", "///12987 | po_box"),
        ("PO BOX 12987", "US", "///12987 | po_box"),
        ("Flat 2, 14 King St", "GB", "King Street/14/Flat 2 | abbreviation_expanded unit_split"),
        ("Flat 2\n14 King Street", "GB", "King Street/14/Flat 2 | unit_split"),
        ("Rose Cottage, 14 King Street", "GB", "King Street/14///Rose Cottage | "),
        ("12A High Street", "GB", "High Street/12A | "),
        ("12-14 High Street", "GB", "High Street/12-14 | "),
        ("1/23 George St", "AU", "George Street/23/1 | abbreviation_expanded unit_split"),
        ("Unit 5 23 George St", "AU", "George Street/23/Unit 5 | abbreviation_expanded unit_split"),
        ("48 goldfinch circuit", "AU", "Goldfinch Circuit/48 | case_changed"),
        ("Yuranigh Court", "AU", "Yuranigh Court | no_house_number"),
    ] {
        assert_eq!(shown(raw, country), expected, "{raw:?} in {country}");
    }
}

#[test]
fn street_lines_elsewhere() {
    for (raw, country, expected) in [
        ("Hauptstraße 12a", "DE", "Hauptstraße/12a | "),
        ("Hauptstr. 12", "DE", "Hauptstraße/12 | abbreviation_expanded"),
        ("HAUPTSTR. 12", "DE", "Hauptstraße/12 | case_changed abbreviation_expanded"),
        ("Hauptstr. 12 a", "DE", "Hauptstraße/12a | reformatted abbreviation_expanded"),
        ("Hauptstr. 12 - 14", "DE", "Hauptstraße/12-14 | reformatted abbreviation_expanded"),
        ("Berliner Str. 5", "DE", "Berliner Straße/5 | abbreviation_expanded"),
        ("Karl-Marx-Str. 5", "DE", "Karl-Marx-Straße/5 | abbreviation_expanded"),
        ("Straße des 17. Juni 135", "DE", "Straße des 17. Juni/135 | "),
        ("Bahnhofstr. 5", "CH", "Bahnhofstrasse/5 | abbreviation_expanded"),
        ("Postfach 1234", "DE", "///1234 | po_box"),
        ("12 rue de la Paix", "FR", "rue de la Paix/12 | "),
        ("12, rue de la Paix", "FR", "rue de la Paix/12 | "),
        ("12 bis av. Foch", "FR", "Avenue Foch/12 bis | abbreviation_expanded"),
        ("Calle Mayor, 5, 3º B", "ES", "Calle Mayor/5/3o B | unicode_normalised unit_split"),
        ("C/ Mayor 5", "ES", "Calle Mayor/5 | abbreviation_expanded"),
        ("Via Roma 10/A", "IT", "Via Roma/10/A | "),
        ("Rua das Flores, 123, Apto 45", "BR", "Rua das Flores/123/Apto 45 | unit_split"),
        ("Av. Paulista, 1000", "BR", "Avenida Paulista/1000 | abbreviation_expanded"),
        ("Kerkstr. 12", "NL", "Kerkstraat/12 | abbreviation_expanded"),
        ("Hauptstr. 5", "", "Hauptstraße/5 | abbreviation_expanded"),
        ("5 Main Street", "", "Main Street/5 | "),
    ] {
        assert_eq!(shown(raw, country), expected, "{raw:?} in {country}");
    }
}

#[test]
fn what_is_no_street_is_refused() {
    for (raw, flag) in [
        ("n/a", Flag::Placeholder),
        ("-", Flag::Placeholder),
        ("xxx", Flag::KeyboardWalk),
        ("test", Flag::TestValue),
        ("asdf", Flag::KeyboardWalk),
    ] {
        assert_eq!(clean_street(raw, None), Cleaned::refused(flag), "{raw}");
    }
    assert_eq!(clean_street("", None), Cleaned::default());
}

#[test]
fn towns_with_case_and_postcode() {
    let shown = |raw: &str, country: &str| {
        let cleaned = clean_city(raw, Country::from_code(country));
        let codes: Vec<&str> = cleaned.flags.codes().collect();
        let city =
            cleaned.value.map_or_else(|| "-".to_owned(), |city| format!("{}/{}", city.name, city.postcode.unwrap_or_default()));
        format!("{city} | {}", codes.join(" "))
    };
    for (raw, country, expected) in [
        ("Berlin", "DE", "Berlin/ | "),
        ("BERLIN", "DE", "Berlin/ | case_changed"),
        ("frankfurt am main", "DE", "Frankfurt am Main/ | case_changed"),
        ("RIO DE JANEIRO", "BR", "Rio de Janeiro/ | case_changed"),
        ("St. Louis", "US", "St. Louis/ | "),
        ("Berlin,", "DE", "Berlin/ | stray_punctuation"),
        ("10115 Berlin", "DE", "Berlin/10115 | city_split"),
        ("London SW1A 1AA", "GB", "London/SW1A 1AA | city_split"),
        ("unknown", "DE", "- | placeholder"),
        ("12347", "", "- | no_letters"),
    ] {
        assert_eq!(shown(raw, country), expected, "{raw:?}");
    }
}

#[test]
fn blocks_of_several_lines() {
    let shown = |raw: &str, country: &str| {
        let cleaned = clean_block(raw, Country::from_code(country));
        cleaned.value.map_or_else(
            || "-".to_owned(),
            |a| {
                let unit = a.street.unit.as_deref().unwrap_or_default().to_owned();
                let country = a.country.map(|country| country.to_string()).unwrap_or_default();
                let parts = [
                    a.street.line(a.country),
                    unit,
                    a.city.unwrap_or_default(),
                    a.region.unwrap_or_default(),
                    a.postcode.unwrap_or_default(),
                    country,
                ];
                parts.join("/")
            },
        )
    };
    for (raw, country, expected) in [
        ("123 Main Street, Las Vegas NV 89132", "US", "123 Main Street//Las Vegas/NV/89132/US"),
        ("169 3rd Ave. Camden, NJ 08030", "US", "169 3rd Ave. Camden///NJ/08030/US"),
        ("173 John Lane\nCamden, NJ 08030", "US", "173 John Lane//Camden/NJ/08030/US"),
        ("1 Main St, Apt 4, Springfield, IL 62701, USA", "", "1 Main Street/Apt 4/Springfield/IL/62701/US"),
        ("Hauptstr. 12\n10115 Berlin\nGermany", "", "Hauptstraße 12//Berlin/BE/10115/DE"),
        ("Hauptstr. 12, D-10115 Berlin", "DE", "Hauptstraße 12//Berlin/BE/10115/DE"),
        ("10 Downing Street\nLondon\nSW1A 2AA", "GB", "10 Downing Street//London/ENG/SW1A 2AA/GB"),
        ("12 rue de la Paix, 75002 Paris, France", "", "12 rue de la Paix//Paris/IDF/75002/FR"),
        ("1515 Adela Lane", "BE", "1515 Adela Lane/////BE"),
        ("n/a", "US", "-"),
    ] {
        assert_eq!(shown(raw, country), expected, "{raw:?}");
    }
}

//! Names by hand: parts, titles, order, case, and what is no name.

use super::*;

fn shown(raw: &str, layout: Layout) -> String {
    let cleaned = clean(raw, layout);
    let codes: Vec<&str> = cleaned.flags.codes().collect();
    let name = cleaned.value.map_or_else(
        || "-".to_owned(),
        |name| {
            let parts = [name.honorific, name.given, name.middle, name.family, name.suffix, name.nickname, name.organisation];
            parts.map(|part| part.unwrap_or_default().into_owned()).join("/").trim_end_matches('/').to_owned()
        },
    );
    format!("{name} | {}", codes.join(" "))
}

#[test]
fn whole_names_become_parts() {
    for (raw, expected) in [
        ("Ann Lee", "/Ann//Lee | "),
        ("ANN LEE", "/Ann//Lee | case_changed"),
        ("ann lee", "/Ann//Lee | case_changed"),
        ("Ann  Lee ", "/Ann//Lee | trimmed inner_space"),
        ("John Ronald Reuel Tolkien", "/John/Ronald Reuel/Tolkien | "),
        ("Ludwig van Beethoven", "/Ludwig//van Beethoven | "),
        ("Maria Luisa de la Cruz", "/Maria/Luisa/de la Cruz | "),
        ("Leonardo Di Caprio", "/Leonardo//Di Caprio | "),
        ("Lee, Ann", "/Ann//Lee | name_reordered"),
        ("LEE, ANN M.", "/Ann/M./Lee | case_changed name_reordered"),
        ("van der Berg, Jan", "/Jan//van der Berg | name_reordered"),
        ("Lee, Dr. Ann", "Dr/Ann//Lee | honorific_split name_reordered"),
        ("Lee Jr, Bob", "/Bob//Lee/Jr | suffix_split name_reordered"),
        ("DUPONT Jean", "/Jean//Dupont | case_changed name_reordered"),
        ("Jean DUPONT", "/Jean//Dupont | case_changed"),
        ("Jean Marie DE LA TOUR", "/Jean/Marie/de la Tour | case_changed"),
        ("Dr. Ann Lee", "Dr/Ann//Lee | honorific_split"),
        ("Dr.Ann Lee", "Dr/Ann//Lee | honorific_split"),
        ("Herr Prof. Dr. Hans Meier", "Herr Prof Dr/Hans//Meier | honorific_split"),
        ("Mr & Mrs Lee", "Mr & Mrs/Lee | honorific_split"),
        ("MRS ANN LEE", "Mrs/Ann//Lee | case_changed honorific_split"),
        ("Sra. Ana Ruiz", "Sra/Ana//Ruiz | honorific_split"),
        ("John Smith Jr.", "/John//Smith/Jr | suffix_split"),
        ("John Smith, Jr.", "/John//Smith/Jr | suffix_split"),
        ("Ann Lee, PhD, MBA", "/Ann//Lee/PhD MBA | suffix_split"),
        ("Ann Lee MD", "/Ann//Lee/MD | suffix_split"),
        ("John Smith III", "/John//Smith/III | suffix_split"),
        ("David Senior", "/David//Senior | "),
        ("David Dobbins Senior", "/David//Dobbins/Sr | suffix_split"),
        ("Kim Do", "/Kim//Do | "),
        ("Sr Garcia", "Sr/Garcia | honorific_split"),
        ("Robert \"Bob\" Smith", "/Robert//Smith//Bob | nickname_split"),
        ("Robert (Bob) Smith", "/Robert//Smith//Bob | nickname_split"),
        ("Madonna", "/Madonna | "),
        ("王杰", "/王杰 | "),
        ("Sean O'Brien", "/Sean//O'Brien | "),
        ("J R Ewing", "/J/R/Ewing | "),
        ("John Doe", "/John//Doe | test_suspected"),
        ("J0hn Lee", "/J0hn//Lee | digits_in_name"),
        ("Acme GmbH", "//////Acme GmbH | organisation_in_name"),
        ("Müller & Söhne AG", "//////Müller & Söhne AG | organisation_in_name"),
        ("ACME HOLDINGS LTD.", "//////ACME HOLDINGS LTD. | organisation_in_name"),
        ("MARIA SA", "/Maria//Sa | case_changed"),
    ] {
        assert_eq!(shown(raw, Layout::Full), expected, "{raw:?}");
    }
}

#[test]
fn single_fields_keep_their_part() {
    for (raw, layout, expected) in [
        ("Anna Maria", Layout::Given, "/Anna Maria | "),
        ("DR ANNA", Layout::Given, "Dr/Anna | case_changed honorific_split"),
        ("Morris II", Layout::Given, "/Morris///II | suffix_split"),
        ("B", Layout::Given, "/B | "),
        ("DOBBINS JR", Layout::Family, "///Dobbins/Jr | case_changed suffix_split"),
        ("van der berg", Layout::Family, "///van der Berg | case_changed"),
        ("McDonald", Layout::Family, "///McDonald | "),
        ("Smith,", Layout::Family, "///Smith | stray_punctuation"),
        ("Na", Layout::Family, "///Na | "),
        ("Junior", Layout::Given, "/Junior | "),
        ("Senior", Layout::Family, "///Senior | "),
        ("Tester", Layout::Family, "///Tester | "),
    ] {
        assert_eq!(shown(raw, layout), expected, "{raw:?}");
    }
}

#[test]
fn what_is_no_name_is_refused() {
    for (raw, flag) in [
        ("test test", Flag::TestValue),
        ("Test", Flag::TestValue),
        ("Max Mustermann", Flag::TestValue),
        ("asdf", Flag::KeyboardWalk),
        ("asdf qwer", Flag::KeyboardWalk),
        ("xxx", Flag::KeyboardWalk),
        ("unknown", Flag::Placeholder),
        ("N/A", Flag::Placeholder),
        ("-", Flag::Placeholder),
        ("...", Flag::Placeholder),
        ("null", Flag::Placeholder),
        ("ann@acme.com", Flag::EmailInName),
        ("0049301234", Flag::NoLetters),
    ] {
        assert_eq!(clean(raw, Layout::Full), Cleaned::refused(flag), "{raw:?}");
    }
    assert_eq!(clean(&"a".repeat(300), Layout::Full), Cleaned::refused(Flag::TooLong));
    assert_eq!(clean("", Layout::Full), Cleaned::default());
}

#[test]
fn swapped_columns_are_noted_for_well_known_names() {
    assert!(columns_swapped("Smith", "Jennifer").has(Flag::ColumnsSwapped));
    assert!(columns_swapped("MÜLLER", "Jürgen").has(Flag::ColumnsSwapped));
    for (given, family) in
        [("Jennifer", "Smith"), ("James", "Thomas"), ("Kelly", "Martin"), ("Smith", "Jones"), ("Zxy", "Jennifer")]
    {
        assert!(columns_swapped(given, family).is_empty(), "{given} {family}");
    }
}

#[test]
fn clean_names_are_borrowed() {
    let name = clean("Ann Maria van Lee", Layout::Full).value.unwrap();
    for part in [name.given, name.middle, name.family] {
        assert!(matches!(part, Some(Cow::Borrowed(_))));
    }
}

"""The rules that template.yaml keeps about the files of imports, read off its translation."""

import json

from tests.support.template import as_list, resources, statements, target
from yomawari.domain.rows import MAX_FILE_LINES


def test_the_import_files_are_private_encrypted_versioned_and_do_not_stay() -> None:
    bucket = resources("AWS::S3::Bucket")["ImportFiles"]
    policy = resources("AWS::S3::BucketPolicy")["ImportFilesPolicy"]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert "BucketName" not in bucket, "two stacks would collide"
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    files, markers = bucket["LifecycleConfiguration"]["Rules"]
    hidden_after_days, gone_after_days = (
        files["ExpirationInDays"],
        files["NoncurrentVersionExpiration"]["NoncurrentDays"],
    )
    dead_letters_s = resources("AWS::SQS::Queue")["ImportsDeadLetters"]["MessageRetentionPeriod"]
    assert hidden_after_days + gone_after_days == 30, "the second begins when the first is over"
    assert hidden_after_days * 24 * 3600 > dead_letters_s
    assert files["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert markers["ExpiredObjectDeleteMarker"] is True


def test_a_file_that_was_put_is_told_to_the_imports_queue_and_by_nobody_else() -> None:
    [rule] = [one for one in resources("AWS::Events::Rule").values() if one["EventPattern"].get("source") == ["aws.s3"]]
    [goes] = rule["Targets"]
    pattern = rule["EventPattern"]
    bucket = resources("AWS::S3::Bucket")["ImportFiles"]
    assert "EventBusName" not in rule, "S3 speaks on the default bus only"
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert pattern["detail-type"] == ["Object Created"]
    assert pattern["detail"] == {
        "bucket": {"name": [{"Ref": "ImportFiles"}]},
        "object": {"key": [{"prefix": "imports/"}]},
    }
    assert (target(goes["Arn"]), target(goes["DeadLetterConfig"]["Arn"])) == ("Imports", "ImportsDeadLetters")
    allowed = resources("AWS::SQS::QueuePolicy")["ImportsFromRule"]["PolicyDocument"]["Statement"][1]
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert {target(arn) for arn in allowed["Resource"]} == {"Imports", "ImportsDeadLetters"}
    assert target(allowed["Condition"]["ArnEquals"]["aws:SourceArn"]) == "FilePut"


def test_what_the_largest_file_claims_fits_into_the_temporary_directory() -> None:
    longest_row_bytes = 350  # in adapters/claims.py: a key of 64 characters of four bytes, and a LINE id
    size_mb = resources("AWS::Lambda::Function")["SplitImport"]["EphemeralStorage"]["Size"]
    assert size_mb * 1024**2 >= MAX_FILE_LINES * longest_row_bytes


def test_the_splitter_may_show_a_file_again_sooner_on_its_own_queue_only() -> None:
    changing = {
        name: [target(one["Resource"]) for one in statements(role) if "sqs:ChangeMessageVisibility" in one["Action"]]
        for name, role in resources("AWS::IAM::Role").items()
    }
    assert {name: found for name, found in changing.items() if found} == {"SplitImportRole": ["Imports"]}


def test_only_the_splitter_reads_the_files_and_nobody_writes_them() -> None:
    touching = {
        name: [one for one in statements(role) if "s3:" in json.dumps(one) and "ImportFiles" in json.dumps(one)]
        for name, role in resources("AWS::IAM::Role").items()
    }
    assert [name for name, found in touching.items() if found] == ["SplitImportRole"]
    actions = {action for one in touching["SplitImportRole"] for action in as_list(one["Action"])}
    assert actions == {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"}

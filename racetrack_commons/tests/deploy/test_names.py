from racetrack_commons.deploy.image import get_job_image
from racetrack_commons.deploy.resource import job_resource_name


def test_resources_are_named_for_job_and_version():
    assert job_resource_name("adder", "1.2.3") == "job-adder-v-1-2-3"


def test_the_first_image_is_the_entrypoint_and_others_are_numbered():
    assert (
        get_job_image("127.0.0.1:5000", "racetrack", "adder", "t")
        == "127.0.0.1:5000/racetrack/job-entrypoint/adder:t"
    )
    assert get_job_image("", "", "adder", "t", 1) == "job-1/adder:t"

"""What tests of Lifecycle and of its supervisor share: builders and fakes."""

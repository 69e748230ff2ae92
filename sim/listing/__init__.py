"""What ``spinstream compile`` shows of a program: places, and when every instruction plays."""
